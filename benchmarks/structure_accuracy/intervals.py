"""Figures with their 95 % interval, by bootstrap over formulas."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

DRAWS = 2000

Scores = Callable[[np.ndarray], Mapping[str, float]]
"""(rows,), how much each row counts -> figures by name."""


def draws(formulas: Sequence[str], count: int = DRAWS) -> Iterator[np.ndarray]:
    """How often each row counts when as many formulas as there are are drawn with replacement, (rows,) each."""
    _, owner = np.unique(np.asarray(formulas), return_inverse=True)
    groups, rng = int(owner.max()) + 1, np.random.default_rng(0)
    for _ in range(count):
        yield np.bincount(rng.integers(groups, size=groups), minlength=groups)[owner].astype(float)


def with_intervals(
    scores: Scores, formulas: Sequence[str], count: int = DRAWS
) -> dict[str, tuple[float, float, float]]:
    """Each figure over all rows, with the ends of its interval; figures of one call share the draws."""
    values = scores(np.ones(len(formulas)))
    drawn = [scores(weights) for weights in draws(formulas, count)]
    out = {}
    for name, value in values.items():
        low, high = np.percentile([one[name] for one in drawn], [2.5, 97.5])
        out[name] = (float(value), float(low), float(high))
    return out
