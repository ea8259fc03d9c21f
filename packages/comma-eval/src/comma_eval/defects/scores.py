"""Accuracy, accuracy within the host and macro F1, with intervals by bootstrap over groups."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from comma_eval.defects.answers import Answers
from comma_eval.defects.exam import Exam, Indices
from comma_eval.metrics import COVERAGE, Interval, resamples


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Answers counted within each group."""

    counts: Float[np.ndarray, "groups classes classes"]
    """Group, true class, said class; of several draws the mean."""

    @property
    def confusion(self) -> Float[np.ndarray, "classes classes"]:
        """True class, said class, over all groups."""
        return self.counts.sum(axis=0)


Weights = Float[np.ndarray, "draws groups"]
"""How often each group counts."""
Statistic = Callable[[Tally, Weights], Float[np.ndarray, " draws"]]


def tally(exam: Exam, said: Answers, items: Indices) -> Tally:
    """Count the answers about some items; groups come in sorted order."""
    groups, codes = np.unique(np.asarray(exam.groups)[items], return_inverse=True)
    counts = np.zeros((len(groups), len(exam.classes), len(exam.classes)))
    np.add.at(counts, (codes, exam.truth[items]), said[items])
    return Tally(counts=counts)


def accuracy(found: Tally, weights: Weights) -> Float[np.ndarray, " draws"]:
    """Share of all items that were told right."""
    right, count = np.einsum("gcc->g", found.counts), found.counts.sum(axis=(1, 2))
    return (weights @ right) / (weights @ count)


def within(found: Tally, weights: Weights) -> Float[np.ndarray, " draws"]:
    """Share of a group's items that were told right, mean over groups."""
    share = np.einsum("gcc->g", found.counts) / found.counts.sum(axis=(1, 2))
    return (weights @ share) / weights.sum(axis=1)


def macro_f1(found: Tally, weights: Weights) -> Float[np.ndarray, " draws"]:
    """Mean over the classes that occur of 2 TP / (2 TP + FP + FN)."""
    confusion = np.einsum("dg,gab->dab", weights, found.counts)
    right = np.einsum("daa->da", confusion)
    true, said = confusion.sum(axis=2), confusion.sum(axis=1)
    f1 = 2 * right / np.maximum(true + said, 1e-300)
    return np.asarray((f1 * (true > 0)).sum(axis=1) / (true > 0).sum(axis=1))


def majority(found: Tally) -> float:
    """Share of the most frequent class of a group, mean over groups."""
    true = found.counts.sum(axis=2)
    return float((true.max(axis=1) / true.sum(axis=1)).mean())


WITHIN = "accuracy within host"
SIMULATED: Mapping[str, Statistic] = MappingProxyType({WITHIN: within, "accuracy": accuracy, "macro F1": macro_f1})
MEASURED: Mapping[str, Statistic] = MappingProxyType({"accuracy": accuracy, "macro F1": macro_f1})


def interval(statistic: Statistic, found: Tally) -> Interval:
    """The statistic, and its 95 % interval over groups."""
    return _interval(partial(statistic, found), len(found.counts))


def difference(statistic: Statistic, found: Tally, other: Tally) -> Interval:
    """By how much one is above another about the same items: groups are drawn once for the two."""
    return _interval(lambda weights: statistic(found, weights) - statistic(other, weights), len(found.counts))


def _interval(of: Callable[[Weights], Float[np.ndarray, " draws"]], groups: int) -> Interval:
    low, high = np.percentile(of(resamples(groups)), COVERAGE)
    return Interval(value=float(of(np.ones((1, groups)))[0]), low=float(low), high=float(high), n=groups)
