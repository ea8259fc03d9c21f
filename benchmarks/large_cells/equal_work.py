"""Batches that hold about as many atoms in cells of different sizes: the cost per edge, without that of a call."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.types import Inputs

from benchmarks.large_cells.cells import KINDS, Size, rock_salt
from benchmarks.large_cells.passes import PASSES, REPEATS, seconds
from benchmarks.results_form import row

BATCHES: Sequence[tuple[int, Size]] = ((212, (4, 3, 1)), (20, (5, 5, 5)), (4, (9, 8, 8)), (1, (14, 13, 14)))
"""Cells, and the size of each: 96, 1,000, 4,608 and 20,384 atoms."""


def rows(batches: Sequence[tuple[int, Size]] = BATCHES) -> Iterator[dict[str, Any]]:
    """Time an edge in each batch, and the ratio of the largest to the smallest."""
    for kind, config in KINDS.items():
        torch.manual_seed(0)
        model = Encoder(config)
        made = [_batch(count, size, config) for count, size in batches]
        for name, training in PASSES.items():
            times = _times(model, made, training=training)
            labels: dict[str, Any] = {"kind": kind, "pass": name}
            for (count, size), inputs, time in zip(batches, made, times, strict=True):
                sizes = {"cells": count, "atoms": 8 * int(np.prod(size)), "edges": len(inputs["source"])}
                yield row("nanoseconds per edge", time, n=REPEATS, **labels, **sizes)
            yield row("largest / smallest nanoseconds per edge", max(times) / min(times), n=len(times), **labels)


def _batch(count: int, size: Size, config: Config) -> Inputs:
    return collate([rock_salt(size, seed=seed) for seed in range(count)], config)


def _times(model: Encoder, batches: Sequence[Inputs], *, training: bool) -> list[float]:
    """Median nanoseconds per edge of each, measured in turn, so that a machine that drifts slows all of them.

    The first round is not counted.
    """
    rounds = [[seconds(model, inputs, training=training) for inputs in batches] for _ in range(REPEATS + 1)]
    edges = np.array([len(inputs["source"]) for inputs in batches])
    return [float(time) for time in 1e9 * np.median(rounds[1:], axis=0) / edges]
