"""Predictions of a number as the rows and items of a report."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
from jaxtyping import Bool

from comma_eval.accuracy import Figure, accuracy
from comma_eval.metrics import row
from comma_eval.task import Item, Prediction, Row
from comma_eval.tasks.predicting import Asked

INTERVALS = ("coverage", "width")
"""Say whether intervals are honest and how wide that makes them, not who predicts better."""

Figures = Mapping[str, Mapping[str, Figure]]
"""Model -> metric -> figure."""


def figures(
    labels: Mapping[str, str],
    models: Mapping[str, Prediction],
    lines: Mapping[str, Prediction],
    asked: Asked,
    wanted: Collection[str],
) -> Iterator[Row]:
    """Sizes, then the figures of baselines and models, then paired differences of every model from every baseline.

    The mean width of the intervals is a property of the fit and gets no interval of its own.
    """
    n = len(set(asked.groups))
    for metric, size in {"samples": len(asked.ids), "formulas": n}.items():
        yield Row(labels=labels, metric=metric, value=float(size), low=None, high=None, n=n)
    found = accuracy({**lines, **models}, asked.truth, asked.groups, wanted)
    for model, of_model in found.items():
        for metric, figure in of_model.items():
            line = row({**labels, "model": model}, metric, figure.interval)
            yield replace(line, low=None, high=None) if metric == "width" else line
    yield from _differences(labels, found, models, lines)


def _differences(
    labels: Mapping[str, str], found: Figures, models: Collection[str], lines: Collection[str]
) -> Iterator[Row]:
    for model, line in product(models, lines):
        for metric, figure in found[model].items():
            if metric in found[line] and metric not in INTERVALS:
                who = {**labels, "model": model, "against": line}
                yield row(who, metric, (figure - found[line][metric]).interval)


def items(labels: Mapping[str, str], predictions: Mapping[str, Prediction], asked: Asked) -> Iterator[Item]:
    """Absolute error, squared error, prediction and truth of every model on every sample."""
    for model, found in predictions.items():
        who = {**labels, "model": model}
        error = found.value - asked.truth
        kinds = {
            "absolute error": np.abs(error),
            "squared error": error**2,
            "prediction": found.value,
            "truth": asked.truth,
        }
        for metric, values in kinds.items():
            for item, group, value in zip(asked.ids, asked.groups, values.tolist(), strict=True):
                yield Item(labels=who, item=item, group=group, metric=metric, value=value)


def part(predictions: Mapping[str, Prediction], kept: Bool[np.ndarray, " samples"]) -> dict[str, Prediction]:
    """The predictions for some of the samples."""
    return {
        model: Prediction(
            value=found.value[kept],
            low=found.low[kept],
            high=found.high[kept],
            zero=None if found.zero is None else found.zero[kept],
        )
        for model, found in predictions.items()
    }
