"""What the parts share: scores, and intervals by bootstrap over formulas."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.results_form import row

DRAWS = 1000
"""Bootstrap samples of an interval."""

Array = NDArray[Any]
Score = Callable[[Array], float]
"""(indices of items) -> score of these items; an item may come several times."""


def draws(groups: Sequence[str], count: int = DRAWS, seed: int = 0) -> list[Array]:
    """Bootstrap samples: indices of all items of as many groups as there are, drawn with replacement."""
    rng = np.random.default_rng(seed)
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return [np.concatenate([members[g] for g in rng.integers(len(members), size=len(members))]) for _ in range(count)]


def scored(metric: str, score: Score, groups: Sequence[str], **labels: Any) -> dict[str, Any]:
    """A row: the score of all items, and its 95 % interval by bootstrap over groups (formulas).

    Paired comparisons are scores too: `lambda i: mae(truth[i], ours[i]) - mae(truth[i], theirs[i])`.
    """
    values = [score(i) for i in draws(groups)]
    low, high = np.percentile(values, [2.5, 97.5])
    value = score(np.arange(len(groups)))
    return row(metric, float(value), n=len(groups), low=float(low), high=float(high), **labels)


def mae(truth: Array, predicted: Array) -> float:
    """Mean absolute error."""
    return float(np.abs(truth - predicted).mean())


def rmse(truth: Array, predicted: Array) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(((truth - predicted) ** 2).mean()))


def accuracy(truth: Array, predicted: Array) -> float:
    """Share of right classes."""
    return float((truth == predicted).mean())


def macro_f1(truth: Array, predicted: Array) -> float:
    """Mean over the classes that occur in `truth` of the harmonic mean of precision and recall."""
    scores = []
    for label in np.unique(truth):
        right = int(((truth == label) & (predicted == label)).sum())
        scores.append(2 * right / (int((truth == label).sum()) + int((predicted == label).sum())))
    return float(np.mean(scores))
