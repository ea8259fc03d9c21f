"""One cell of each size: what a user waits for and needs in memory, the fixed cost of a call included."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.modalities.structure.memory import needed

from benchmarks.large_cells.cells import KINDS, Size, rock_salt
from benchmarks.large_cells.passes import PASSES, REPEATS, run, seconds
from benchmarks.results_form import row
from benchmarks.suite import memory

CELLS: Sequence[Size] = ((2, 2, 1), (4, 3, 1), (5, 5, 5), (9, 8, 8), (14, 13, 14))


def rows(sizes: Sequence[Size] = CELLS) -> Iterator[dict[str, Any]]:
    """Time an edge, memory, and what memory was estimated."""
    for kind, config in KINDS.items():
        torch.manual_seed(0)
        model = Encoder(config)
        for size in sizes:
            inputs = collate([rock_salt(size)], config)
            atoms, edges = len(inputs["numbers"]), len(inputs["source"])
            for name, training in PASSES.items():
                what: dict[str, Any] = {"kind": kind, "atoms": atoms, "edges": edges, "pass": name}
                # the first run is not counted
                found = [seconds(model, inputs, training=training) for _ in range(REPEATS + 1)][1:]
                yield row("nanoseconds per edge", 1e9 * float(np.median(found)) / edges, n=REPEATS, **what)
                if memory.AVAILABLE:
                    used = memory.extra_peak(partial(run, model, inputs, training=training))
                    yield row("MiB", used, n=1, **what)
                    estimate = needed(atoms, float(edges), config, training=training)
                    yield row("estimated MiB", estimate / 2**20, n=1, **what)
