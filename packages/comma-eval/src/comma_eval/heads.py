"""What is fitted on frozen numbers: ridge, nearest neighbours, a random forest, a small network.

Many targets are exactly zero for a large share of all materials, such as the band gap of metals. Then a head has two
parts: is it zero, and how much where it is not. Its value is the expectation, P(not zero) times the expected amount,
which minimises the squared error. Taking zero for all that are more likely zero was 2 to 11 % worse in RMSE on a
validation fold, for ridge on four kinds of features and 300 to 17,532 labels, and from 5 % worse to 6 % better in MAE.
Heads that are not linear (neighbours, the leaves of a forest, a network under squared error) learn the expectation
itself, and beside it whether it is not zero, as one regression of two numbers.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from comma_eval.errors import UsageError

Matrix = Float[np.ndarray, "samples features"]
Values = Float[np.ndarray, " samples"]
Flags = Bool[np.ndarray, " samples"]

SEED = 0
PENALTIES = np.logspace(-3, 6, 28)
"""Of ridge; chosen by leave-one-out error, which has a closed form (Golub, Heath and Wahba 1979,
doi:10.1080/00401706.1979.10489751)."""
INVERSE_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
"""Of the logistic regression; chosen by log loss on three folds of groups."""
FEW = 30
"""Below so many groups of either class nothing is chosen by folds."""
ZEROS = 0.05
"""Share of exact zeros from which a target that is never negative is taken in two parts."""
PRESENT = 10
"""Samples that are not zero, at least, for their amounts to be learnt apart."""
NEIGHBOURS = 10
TREES = 100
WIDTH = 128
"""Of the network's hidden layer."""
STOPPABLE = 200
"""Samples from which the network keeps a tenth aside to stop early."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a fitted head says."""

    value: Values
    """Expected value, in the target's unit."""
    present: Values | None
    """Probability that it is not zero; None where the target is not taken in two parts."""


Fitted = Callable[[Matrix], Answer]


@dataclass(frozen=True, kw_only=True)
class Head:
    """How a head is made."""

    amount: Callable[[int], Any]
    """Number of samples -> a regressor of scikit-learn."""
    occurrence: Callable[[Flags, Sequence[str]], Any] | None
    """Whether each training sample is not zero, and its group -> a classifier; None where the regressor answers both
    at once."""


def fit(name: str, x: Matrix, y: Values, groups: Sequence[str]) -> Fitted:
    """Fit a head.

    Args:
        name: `ridge`, `knn`, `forest`, `mlp`, or `mean`, which reads nothing.
        x: standardised numbers of each training sample.
        y: the target, in its unit.
        groups: of each sample; folds within the fit keep them together.

    Raises:
        UsageError: no such head.
    """
    check(name)
    head = HEADS[name if np.ptp(y) > 0 else "mean"]  # a network would find something in a constant
    if not two_part(y):
        regressor = _fitted(head.amount(len(y)), x, y)
        return lambda new: Answer(value=_doubles(regressor.predict(new)), present=None)
    if head.occurrence is None:
        return _at_once(head.amount(len(y)), x, y)
    present = y > 0
    return _hurdle(head.occurrence(present, groups), head.amount(int(present.sum())), x, y)


def check(name: str) -> None:
    """Refuse an unknown head."""
    if name not in HEADS:
        raise UsageError(f"unknown head {name!r}; known: {', '.join(HEADS)}")


def two_part(y: Values) -> bool:
    """Whether zero is a class of its own: never negative, often zero, and often not."""
    return bool(y.min() >= 0 and (y == 0).mean() >= ZEROS and (y > 0).sum() >= PRESENT)


def _at_once(regressor: Any, x: Matrix, y: Values) -> Fitted:
    """One regression of two numbers, the value and whether it is not zero, brought to one scale."""
    both = np.stack([y, (y > 0).astype(float)], axis=1)
    scale = both.std(axis=0)
    _fitted(regressor, x, both / scale)

    def answer(new: Matrix) -> Answer:
        value, present = (_doubles(regressor.predict(new)) * scale).T
        return Answer(value=np.maximum(value, 0), present=np.clip(present, 0, 1))

    return answer


def _hurdle(occurrence: Any, amount: Any, x: Matrix, y: Values) -> Fitted:
    """A classifier, and a regressor that learns amounts from what is not zero (Cragg 1971, doi:10.2307/1909582)."""
    present = y > 0
    _fitted(occurrence, x, present)
    _fitted(amount, x[present], y[present])

    def answer(new: Matrix) -> Answer:
        probability = _doubles(occurrence.predict_proba(new)[:, 1])
        return Answer(value=probability * np.maximum(_doubles(amount.predict(new)), 0), present=probability)

    return answer


def _fitted(estimator: Any, x: Matrix, y: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of steps is the budget
        return estimator.fit(x, y)


def _doubles(values: np.ndarray) -> Float[np.ndarray, "..."]:
    return np.asarray(values, dtype=float)


def _mean(_samples: int) -> DummyRegressor:
    return DummyRegressor(strategy="mean")


def _ridge(_samples: int) -> RidgeCV:
    return RidgeCV(alphas=PENALTIES)


def _neighbours(samples: int) -> KNeighborsRegressor:
    return KNeighborsRegressor(n_neighbors=min(NEIGHBOURS, samples), weights="distance")


def _forest(_samples: int) -> RandomForestRegressor:
    """A third of the numbers at each split (Breiman 2001, doi:10.1023/A:1010933404324)."""
    jobs = torch.get_num_threads()  # what OMP_NUM_THREADS allows
    return RandomForestRegressor(n_estimators=TREES, max_features=1 / 3, random_state=SEED, n_jobs=jobs)


def _network(samples: int) -> TransformedTargetRegressor:
    """One hidden layer; where there are samples enough, a tenth of them says when to stop."""
    network = MLPRegressor(
        hidden_layer_sizes=(WIDTH,),
        alpha=1e-2,
        batch_size=min(64, samples),
        early_stopping=samples >= STOPPABLE,
        n_iter_no_change=20,
        random_state=SEED,
    )
    return TransformedTargetRegressor(network, transformer=StandardScaler())


def _logistic(present: Flags, groups: Sequence[str]) -> Any:
    """The penalty is chosen by folds of groups, where both classes have enough of them."""
    model = partial(LogisticRegression, solver="newton-cholesky", max_iter=1000)
    names = np.asarray(groups)
    if min(len(np.unique(names[present])), len(np.unique(names[~present]))) < FEW:
        return model(C=INVERSE_PENALTIES[1])
    folds = list(StratifiedGroupKFold(3).split(present, present, names))
    return GridSearchCV(model(), {"C": INVERSE_PENALTIES}, cv=folds, scoring="neg_log_loss")


HEADS: Mapping[str, Head] = {
    "ridge": Head(amount=_ridge, occurrence=_logistic),
    "knn": Head(amount=_neighbours, occurrence=None),
    "forest": Head(amount=_forest, occurrence=None),
    "mlp": Head(amount=_network, occurrence=None),
    "mean": Head(amount=_mean, occurrence=None),
}
