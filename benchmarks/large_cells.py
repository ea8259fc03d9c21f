"""The structure encoder from 100 to 20,000 atoms: time per edge, memory beside its estimate, and what regions bring.

Run in the root of the repository:

    python -m benchmarks.large_cells
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from comma_encoders.modalities.structure.config import PRESETS
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.modalities.structure.memory import needed
from comma_encoders.types import Inputs

from benchmarks.ewald_task import errors
from benchmarks.results_form import row, write_result
from benchmarks.suite import memory

FLAT = PRESETS["base"]
POOLED = replace(FLAT, region=8.0, far=20.0)
KINDS = {"flat": FLAT, "regions of 8 Å": POOLED}
CELLS = ((2, 2, 1), (4, 3, 1), (5, 5, 5), (9, 8, 8), (14, 13, 14))
"""Supercells of a cube with 8 atoms."""
REPEATS = 5


def main() -> None:
    """Measure and write the result."""
    start = time.perf_counter()
    torch.set_num_threads(2)
    rows = [*_sizes(), *_deviations(), *errors()]
    path = write_result(
        "large-cells",
        what=(
            "The structure encoder, preset base, with and without the round of messages between regions, on jittered "
            "rock salt of growing size: seconds per edge (median), memory beside the estimate, how far vectors move "
            "when the cell is doubled or shifted; and the error in the electrostatic energy of cells with 216 random "
            "charges, which no cutoff of 5 Å sees"
        ),
        command="python -m benchmarks.large_cells",
        rows=rows,
        seconds=time.perf_counter() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def rock_salt(cells: tuple[int, int, int], jitter: float = 0.1, seed: int = 0) -> dict[str, np.ndarray]:
    """A supercell of sodium chloride, every atom moved by about `jitter` Å."""
    grid = np.array(list(np.ndindex(*(2 * n for n in cells))))
    positions = 2.82 * grid + np.random.default_rng(seed).normal(0, jitter, grid.shape)
    return {
        "numbers": np.where(grid.sum(axis=1) % 2, 17, 11),
        "positions": positions,
        "cell": np.diag(5.64 * np.array(cells, dtype=float)),
        "periodic": np.ones(3, dtype=bool),
    }


def _sizes() -> Iterator[dict[str, Any]]:
    for kind, config in KINDS.items():
        torch.manual_seed(0)
        model = Encoder(config)
        for cells in CELLS:
            inputs = collate([rock_salt(cells)], config)
            atoms, edges = len(inputs["numbers"]), len(inputs["source"])
            labels = {"kind": kind, "atoms": atoms, "edges": edges}
            for training in (False, True):
                what: dict[str, Any] = {**labels, "pass": "training step" if training else "inference"}
                seconds = _seconds(model, inputs, training=training)
                yield row("nanoseconds per edge", 1e9 * seconds / edges, n=REPEATS, **what)
                if memory.AVAILABLE:
                    used = memory.extra_peak(partial(_run, model, inputs, training=training))
                    yield row("MiB", used, n=1, **what)
                    yield row("estimated MiB", needed(atoms, edges, config, training=training) / 2**20, n=1, **what)


def _run(model: Encoder, inputs: Inputs, *, training: bool) -> None:
    model.zero_grad()
    with torch.set_grad_enabled(training):
        out = model(inputs).square().sum()
    if training:
        out.backward()


def _seconds(model: Encoder, inputs: Inputs, *, training: bool) -> float:
    """Median of a few runs, after one to warm up."""
    found = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        _run(model, inputs, training=training)
        found.append(time.perf_counter() - start)
    return float(np.median(found[1:]))


def _deviations() -> Iterator[dict[str, Any]]:
    """1 - cosine between the vectors of the same material, written in two ways."""
    one = rock_salt((4, 4, 4))
    shifted = {**one, "positions": one["positions"] + np.array([1.7, 2.9, 0.6])}
    doubled = {
        "numbers": np.tile(one["numbers"], 2),
        "positions": np.concatenate([one["positions"], one["positions"] + one["cell"][0]]),
        "cell": one["cell"] * np.array([[2.0], [1.0], [1.0]]),
        "periodic": one["periodic"],
    }
    for kind, config in KINDS.items():
        torch.manual_seed(0)
        model = Encoder(config).eval()
        with torch.no_grad():
            base, *others = model(collate([one, shifted, doubled], config))
        for change, vector in zip(("origin shifted", "cell doubled"), others, strict=True):
            cosine = torch.cosine_similarity(base, vector, dim=0)
            yield row("1 - cosine", max(0.0, 1 - float(cosine)), n=1, kind=kind, change=change)


if __name__ == "__main__":
    main()
