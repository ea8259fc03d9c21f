"""Finished folds -> rows of the result: each fold, and all of a preset together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.results_form import row
from benchmarks.structure_accuracy.intervals import with_intervals
from benchmarks.structure_large.pieces import Piece, by_job
from benchmarks.structure_large.published import published
from benchmarks.structure_large.scores import Spearman, scores

DRAWS = 1000
OURS, MEAN = "COMMA", "mean of the training rows"


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Of both models, (rows,), eV."""

    by_model: Mapping[str, np.ndarray]
    true: np.ndarray
    formulas: np.ndarray

    def where(self, chosen: np.ndarray) -> "Predictions":
        """Some of the rows."""
        models = {name: values[chosen] for name, values in self.by_model.items()}
        return Predictions(by_model=models, true=self.true[chosen], formulas=self.formulas[chosen])


def figures(pieces: Sequence[Piece]) -> Iterator[dict[str, Any]]:
    """All rows; those without `fold` are over the test rows of all finished folds."""
    for found in by_job(pieces).values():
        one = found[0]
        labels: dict[str, Any] = {"preset": one.job.preset, "epochs": one.job.epochs}
        yield row("finished folds", len(found), n=len(found), **labels)
        yield row("parameters", one.parameters, n=1, model=OURS, **labels)
        yield from _of_rows(found, labels | {"folds": len(found)})
        for piece in found:
            of_fold = labels | {"fold": piece.job.fold}
            yield row("training rows", piece.training_rows, n=1, **of_fold)
            yield row("seconds an epoch", piece.seconds_an_epoch, n=piece.job.epochs, model=OURS, **of_fold)
            yield from _of_rows([piece], of_fold)
    yield from published()


def _of_rows(pieces: Sequence[Piece], labels: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = _joined(pieces)
    for materials, rows in {"all": found, "non-metals": found.where(found.true > 0)}.items():
        yield from _scored(rows, {**labels, "materials": materials})


def _joined(pieces: Sequence[Piece]) -> Predictions:
    means = [np.full(len(piece.true), piece.training_mean) for piece in pieces]
    return Predictions(
        by_model={OURS: np.concatenate([piece.predicted for piece in pieces]), MEAN: np.concatenate(means)},
        true=np.concatenate([piece.true for piece in pieces]),
        formulas=np.concatenate([piece.formulas for piece in pieces]),
    )


def _scored(rows: Predictions, labels: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Errors of both models, and how well ours orders; the mean orders nothing."""
    spearman = Spearman(rows.by_model[OURS], rows.true)

    def ours(weights: np.ndarray) -> dict[str, float]:
        return scores(rows.by_model[OURS], rows.true, weights) | {"Spearman": spearman(weights)}

    def mean(weights: np.ndarray) -> dict[str, float]:
        return scores(rows.by_model[MEAN], rows.true, weights)

    for model, of_weights in {OURS: ours, MEAN: mean}.items():
        for metric, (value, low, high) in with_intervals(of_weights, rows.formulas.tolist(), DRAWS).items():
            yield row(metric, value, n=len(rows.true), low=low, high=high, model=model, **labels)
