"""Means over groups with bootstrap intervals.

A material with three hundred recipes is one material: values are averaged within each group (formula) first, every
group weighs the same, and the bootstrap draws groups, not queries (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, ch. 13: percentile interval).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from comma_eval.task import Row

DRAWS = 2000
SEED = 0
COVERAGE = (2.5, 97.5)
"""Percentiles of a 95 % interval."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    """Groups that the mean is over."""


def row(labels: Mapping[str, str], metric: str, found: Interval) -> Row:
    """The interval as one line of a report."""
    return Row(labels=labels, metric=metric, value=found.value, low=found.low, high=found.high, n=found.n)


def group_means(values: Float[np.ndarray, " items"], groups: Sequence[str]) -> Float[np.ndarray, " groups"]:
    """Mean of the values of each group, in the sorted order of the groups' names."""
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    return np.bincount(codes, weights=values, minlength=len(names)) / np.bincount(codes, minlength=len(names))


def mean_interval(values: Float[np.ndarray, " items"], groups: Sequence[str]) -> Interval:
    """Mean over groups, with an interval by bootstrap over groups; the same seed always gives the same draws."""
    means = group_means(values, groups)
    drawn = _draws(len(means)) @ means / len(means)
    low, high = np.percentile(drawn, COVERAGE)
    return Interval(value=float(means.mean()), low=float(low), high=float(high), n=len(means))


def paired_difference(
    a: Float[np.ndarray, " items"], b: Float[np.ndarray, " items"], groups: Sequence[str]
) -> Interval:
    """Interval of mean(a) - mean(b) where both answered the same items: groups are drawn once for the two."""
    return mean_interval(a - b, groups)


def interval_of(
    function: Callable[[Float[np.ndarray, "k draws"]], Float[np.ndarray, " draws"]],
    values: Float[np.ndarray, "k items"],
    groups: Sequence[str],
) -> Interval:
    """Interval of a function of several means, such as a ratio or a root: groups are drawn once for all of them.

    Args:
        function: of the k means, for every draw at once.
        values: of k models on the same items.
        groups: of the items.
    """
    means = np.stack([group_means(row, groups) for row in values])
    with np.errstate(divide="ignore", invalid="ignore"):
        value = function(means.mean(axis=1)[:, None])
        drawn = function(means @ _draws(means.shape[1]).T / means.shape[1])
        low, high = np.percentile(drawn, COVERAGE)
    return Interval(value=float(value[0]), low=float(low), high=float(high), n=means.shape[1])


def resamples(n: int) -> Float[np.ndarray, "draws groups"]:
    """How often each of n groups is drawn in each resample, for statistics that are no mean."""
    return _draws(n)


@lru_cache(maxsize=2)
def _draws(n: int) -> Float[np.ndarray, "draws groups"]:
    """How often each of n groups is drawn in each resample; all figures over n groups share the resamples."""
    return np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(float)
