"""The head of every line: a logistic regression on frozen, standardised vectors.

Its penalty is chosen by cross-validation within the items that it learns from, with groups kept together, so that a
penalty never suits a host or a frame that it has seen. Where pictures are cut into parts, neighbouring parts share
pixels in this choice, and the penalty can be chosen too weak; what is asked about shares none with what is learnt from.
"""

import copy
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

CS = (1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the L2 penalty that are tried, the strongest penalty first."""
DEFAULT = 0.1
"""Where no choice can be made: one group, or all as good."""
INNER = 3
"""Folds of the cross-validation."""
ITERATIONS = 1000
TOLERANCE = 1e-3
"""Largest gradient of the loss, mean over items; accuracy does not move below it."""

X = Float[np.ndarray, "items features"]
Y = Int[np.ndarray, " items"]


@dataclass(frozen=True, kw_only=True)
class Head:
    """A fitted head; without a feature that varies, or with one class, it always says the most frequent class."""

    mean: Float[np.ndarray, " features"]
    spread: Float[np.ndarray, " features"]
    model: LogisticRegression | None
    constant: int
    """The most frequent class of what it learnt from, the first of several."""
    c: float
    """Inverse strength of the penalty."""

    def predict(self, x: X) -> Y:
        """The class of each item."""
        if self.model is None:
            return np.full(len(x), self.constant, dtype=np.int64)
        return np.asarray(self.model.predict((x - self.mean) / self.spread), dtype=np.int64)


def fit(x: X, y: Y, groups: np.ndarray) -> Head:
    """Choose the penalty, and fit on all items.

    Args:
        x: vectors; none of them is updated.
        y: classes.
        groups: what stays together while the penalty is chosen.
    """
    c = chosen(x, y, groups)
    return _fit(x, y, (c,))[0]


def chosen(x: X, y: Y, groups: np.ndarray) -> float:
    """The penalty with the most right answers about groups that it has not seen; the strongest of several."""
    codes = np.unique(groups, return_inverse=True)[1]
    splits = min(INNER, len(np.unique(codes)))
    if splits < 2:
        return DEFAULT
    right = np.zeros(len(CS))
    for train, test in GroupKFold(splits).split(x, y, codes):
        right += [np.sum(head.predict(x[test]) == y[test]) for head in _fit(x[train], y[train], CS)]
    return DEFAULT if right.min() == right.max() else CS[int(right.argmax())]


def _fit(x: X, y: Y, cs: tuple[float, ...]) -> list[Head]:
    """A head for each penalty, every one starting where the one before ended."""
    mean, spread = x.mean(axis=0), x.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(mean), 1.0)
    spread = np.where(varies, spread, 1.0)
    constant = int(np.bincount(y).argmax())
    blind = not varies.any() or len(np.unique(y)) < 2
    model = LogisticRegression(max_iter=ITERATIONS, tol=TOLERANCE, warm_start=True)
    heads = []
    for c in cs:
        fitted = None if blind else copy.copy(model.set_params(C=c).fit((x - mean) / spread, y))
        heads.append(Head(mean=mean, spread=spread, model=fitted, constant=constant, c=c))
    return heads
