"""Pieces -> rows of the result: each model's errors, and ratios among models that trained for as many epochs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.results_form import row
from benchmarks.structure_accuracy.intervals import with_intervals
from benchmarks.structure_accuracy.pieces import Piece

OURS = "COMMA"
RIVAL = "CGCNN"
"""The model that all others are compared with."""

BySeed = Mapping[int, Piece]


def figures(pieces: Sequence[Piece], formulas: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Errors and ratios, by number of epochs."""
    for epochs in sorted({piece.epochs for piece in pieces}):
        models: dict[str, dict[int, Piece]] = {}
        for piece in pieces:
            if piece.epochs == epochs:
                models.setdefault(piece.model, {})[piece.seed] = piece
        yield from (made | {"epochs": epochs} for made in _of_equal_epochs(models, formulas))


def _of_equal_epochs(models: Mapping[str, BySeed], formulas: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name, found in models.items():
        yield from _errors(name, found, formulas)
        if name != RIVAL and RIVAL in models:
            yield from _ratio(f"MAE / {RIVAL}'s", found, models[RIVAL], formulas, model=name)
    for name, found in models.items():
        if name != OURS and OURS in models:
            yield from _ratio("MAE / the rival's", models[OURS], found, formulas, model=OURS, rival=name)


def _errors(name: str, found: BySeed, formulas: Sequence[str]) -> Iterator[dict[str, Any]]:
    """MAE and RMSE over the seeds, and the time."""
    errors = np.stack([piece.errors for piece in found.values()])
    one, n = next(iter(found.values())), errors.shape[1]
    labels: dict[str, Any] = {"model": name, "seeds": len(found), "parameters": one.parameters}

    def scores(weights: np.ndarray) -> dict[str, float]:
        squares = np.sqrt(errors**2 @ weights / weights.sum())
        return {"MAE, eV": np.abs(errors).mean(axis=0) @ weights / weights.sum(), "RMSE, eV": float(squares.mean())}

    for metric, (value, low, high) in with_intervals(scores, formulas).items():
        yield row(metric, value, n=n, low=low, high=high, **labels)
    seconds = [piece.seconds_an_epoch for piece in found.values()]
    yield row("seconds an epoch", float(np.median(seconds)), n=len(seconds), **labels)


def _ratio(
    metric: str, ours: BySeed, theirs: BySeed, formulas: Sequence[str], **labels: Any
) -> Iterator[dict[str, Any]]:
    """Ratio of two MAEs over the seeds that both have, with an interval paired by formula; none without such seeds."""
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return
    above, below = (np.mean([np.abs(side[seed].errors) for seed in seeds], axis=0) for side in (ours, theirs))
    found = with_intervals(lambda weights: {metric: (weights @ above) / (weights @ below)}, formulas)
    value, low, high = found[metric]
    yield row(metric, value, n=len(above), low=low, high=high, seeds=len(seeds), **labels)
