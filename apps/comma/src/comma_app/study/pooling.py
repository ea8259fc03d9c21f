"""Answers of all folds as one sample: means over groups with intervals, and paired differences.

Folds hold different groups, so that what was answered in each is one answer in the pool. An accuracy is what its task
calls so, the share of all items; groups are still drawn whole. Figures that are no means of single answers (a rank
correlation, an F1) are given as their mean over folds, and say so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from comma_eval.defects.scores import WITHIN
from comma_eval.metrics import COVERAGE, Interval, resamples, row
from comma_eval.pooled import FOR_PLOTS
from comma_eval.report import AGAINST, MODEL, TRUTH, belongs
from comma_eval.task import Item, Row
from jaxtyping import Float

ACCURACY = "accuracy"
FIGURES: Mapping[str, str] = {"absolute error": "MAE", "squared error": "RMSE", "correct": ACCURACY}
"""Metric of single answers -> the figure that is their mean, or the root of it; others have one name for both."""
SHARES = (ACCURACY,)
"""Figures in which every item weighs the same; in all others every group does."""
ROOTS = ("RMSE",)
"""Figures that are the root of a mean."""
SUMS = (
    "queries", "queries with a set of known precursors", "formulas", "groups", "samples", "tied", "images", "hosts",
    "frames", "pictures", "parts of pictures",
)  # fmt: skip
"""Sizes that add up over folds; of others the mean is given, or the extreme that their name says."""

Key = tuple[int, str]
"""Fold and item."""
Labels = tuple[tuple[str, str], ...]


@dataclass(kw_only=True)
class Question:
    """What all models answered to one question."""

    labels: Mapping[str, str]
    groups: dict[Key, str] = field(default_factory=dict)
    answers: dict[str, dict[str, dict[Key, float]]] = field(default_factory=dict)
    """Figure -> model -> answers."""

    def resampled(self, figure: str, models: Sequence[str]) -> tuple[Float[np.ndarray, "k draws"], int]:
        """A figure of several models on what all of them answered, and over how many groups it is.

        Returns:
            Of each model the figure itself, and behind it that of every resample of the groups, drawn once for all.
        """
        theirs = [self.answers[figure][model] for model in models]
        keys = sorted(set.intersection(*(set(one) for one in theirs)))
        names, codes = np.unique([self.groups[key] for key in keys], return_inverse=True)
        sizes: Float[np.ndarray, " groups"] = np.bincount(codes).astype(float)
        sums = np.stack([np.bincount(codes, weights=[one[key] for key in keys]) for one in theirs])
        if figure not in SHARES:  # a group counts as one, by its mean
            sums, sizes = sums / sizes, np.ones(len(names))
        drawn = resamples(len(names))
        means = np.column_stack([sums.sum(axis=1) / sizes.sum(), sums @ drawn.T / (drawn @ sizes)])
        return np.sqrt(means) if figure in ROOTS else means, len(names)

    def interval(self, figure: str, models: Sequence[str], of: Callable[..., Any]) -> Interval:
        """Interval of a function of the figures of several models, on what all of them answered."""
        means, groups = self.resampled(figure, models)
        found = of(*means)
        low, high = np.percentile(found[1:], COVERAGE)
        return Interval(value=float(found[0]), low=float(low), high=float(high), n=groups)


def gathered(labels: Mapping[str, str], folds: Iterable[tuple[int, Iterable[Item]]]) -> list[Question]:
    """The questions of a task, with the answers of all folds.

    Args:
        labels: of the task, put in front of each question's own.
        folds: fold -> what was answered there.
    """
    found: dict[Labels, Question] = {}
    for fold, answered in folds:
        for item in answered:
            told = in_order({**labels, **{name: value for name, value in item.labels.items() if name != MODEL}})
            question = found.setdefault(tuple(told.items()), Question(labels=told))
            key = (fold, item.item)
            question.groups[key] = item.group
            for figure in _figures_of(item):
                question.answers.setdefault(figure, {}).setdefault(item.labels[MODEL], {})[key] = item.value
    return list(found.values())


def _figures_of(item: Item) -> tuple[str, ...]:
    """Figures that an answer counts in; sets of several hosts have an accuracy within them too."""
    figure = FIGURES.get(item.metric, item.metric)
    return (figure, WITHIN) if figure == ACCURACY and item.labels.get("set") == "simulated" else (figure,)


def in_order(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels in the one order in which equal questions are recognised: the task, the others by name, who answered."""
    places = {"task": 0, MODEL: 2, AGAINST: 3}
    return dict(sorted(labels.items(), key=lambda label: (places.get(label[0], 1), label[0])))


def figures(question: Question) -> Iterator[Row]:
    """Every figure of every model that is a mean of answers."""
    for figure, models in question.answers.items():
        if figure not in FOR_PLOTS:
            for model in models:
                yield row({**question.labels, MODEL: model}, figure, question.interval(figure, [model], np.positive))


def differences(question: Question, ours: Sequence[str]) -> Iterator[Row]:
    """Paired differences of our models from every other line.

    Some tasks ask a model in several ways, and each answer that `belongs` to it is one of ours. Two of ours are
    compared once, the one that comes first against the other.
    """
    for figure, models in question.answers.items():
        if figure in FOR_PLOTS:
            continue
        own = [line for name in ours for line in models if belongs(line, name)]
        places = {line: number for number, line in enumerate(own)}
        for model in own:
            for line in models:
                if line != model and places.get(line, len(own)) > places[model]:
                    labels = {**question.labels, MODEL: model, AGAINST: line}
                    yield row(labels, figure, question.interval(figure, [model, line], np.subtract))


def others(rows: Iterable[Mapping[str, Any]], covered: set[tuple[Labels, str]]) -> Iterator[Row]:
    """Figures that are no means of answers, and sizes, over all folds.

    Args:
        rows: of all folds, in the form of a committed result.
        covered: labels and figures that came from single answers already.
    """
    measured = ("metric", "value", "low", "high", "n")
    found: dict[tuple[Labels, str], list[Mapping[str, Any]]] = {}
    for one in rows:
        labels = tuple(in_order({key: value for key, value in one.items() if key not in measured}).items())
        if (labels, one["metric"]) not in covered and AGAINST not in one and one["value"] is not None:
            found.setdefault((labels, one["metric"]), []).append(one)
    for (labels, metric), several in found.items():
        value, name = _together(metric, several, dict(labels))
        yield Row(
            labels=dict(labels), metric=name, value=value, low=None, high=None, n=sum(one["n"] for one in several)
        )


def _together(metric: str, several: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> tuple[float, str]:
    """One value of several folds, and its name."""
    values = [float(one["value"]) for one in several]
    if TRUTH in labels:  # a share of a class, whose size is n
        sizes = [float(one["n"]) for one in several]
        return float(np.average(values, weights=sizes if any(sizes) else None)), metric
    if metric in SUMS:
        return float(sum(values)), metric
    if metric.startswith(("smallest", "largest")):
        return (min if metric.startswith("smallest") else max)(values), metric
    mean = float(np.mean(values))
    return mean, f"{metric}, mean of folds" if MODEL in labels and len(values) > 1 else metric
