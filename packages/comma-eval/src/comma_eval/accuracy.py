"""How well numbers are predicted, on a test set and on every bootstrap resample of its formulas.

As everywhere in this package every group (formula) weighs the same: RMSE is the root of the mean over groups of their
mean squares, the other figures are weighted alike, and the bootstrap draws groups. All models share the resamples, so
that the difference of two figures, resample by resample, is a paired comparison.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from comma_eval.metrics import COVERAGE, DRAWS, Interval, group_means, resamples
from comma_eval.task import Prediction

Values = Float[np.ndarray, " items"]
Weights = Float[np.ndarray, "draws items"]
Columns = Mapping[str, Float[np.ndarray, " draws"]]
"""Name -> weighted mean over the items, in each resample."""

CHUNK = 250
"""Resamples at a time: weights of 250 resamples of 10,000 items are 20 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure:
    """A figure on the test set, and on the resamples."""

    value: float
    draws: Float[np.ndarray, " draws"]
    n: int
    """Groups that were drawn from."""

    def __sub__(self, other: "Figure") -> "Figure":
        """The difference, resample by resample."""
        return Figure(value=self.value - other.value, draws=self.draws - other.draws, n=self.n)

    @property
    def interval(self) -> Interval:
        """The value and its 95 % interval; resamples in which the figure is undefined are left out."""
        low, high = np.nanpercentile(self.draws, COVERAGE)
        return Interval(value=self.value, low=float(low), high=float(high), n=self.n)


METRICS: Mapping[str, Callable[[Columns], Float[np.ndarray, " draws"]]] = {
    "RMSE": lambda mean: np.sqrt(mean["squared"]),
    "MAE": lambda mean: mean["absolute"],
    "MAPE": lambda mean: 100 * mean["relative"],
    "R2": lambda mean: 1 - _ratio(mean["squared"], _variance(mean["truth"], mean["truth squared"])),
    "coverage": lambda mean: mean["inside"],
    "width": lambda mean: mean["width"],
    "is-zero F1": lambda mean: _ratio(2 * mean["hits"], mean["said zero"] + mean["are zero"]),
}
"""Figures that follow from means over items. Spearman's correlation, which does not, is `spearman`."""


def accuracy(
    predictions: Mapping[str, Prediction], truth: Values, groups: Sequence[str], wanted: Collection[str]
) -> dict[str, dict[str, Figure]]:
    """Figures of every model on the same items.

    Args:
        predictions: model -> what it predicts.
        truth: of each item.
        groups: of each item.
        wanted: `Spearman` and keys of `METRICS`.

    Returns:
        Model -> metric -> figure, in the order asked. A figure that is not defined (the correlation of a constant, the
        coverage of intervals that are not finite) is left out.
    """
    n = len(set(groups))
    means = {model: _resampled(_columns(found, truth), groups) for model, found in predictions.items()}
    ranked = spearman({m: p.value for m, p in predictions.items()}, truth, groups) if "Spearman" in wanted else {}
    drawn = {
        model: {metric: ranked[model] if metric == "Spearman" else METRICS[metric](means[model]) for metric in wanted}
        for model in predictions
    }
    return {
        model: {
            metric: Figure(value=float(values[0]), draws=values[1:], n=n)
            for metric, values in of_model.items()
            if np.isfinite(values[0])
        }
        for model, of_model in drawn.items()
    }


def spearman(
    values: Mapping[str, Values], truth: Values, groups: Sequence[str]
) -> dict[str, Float[np.ndarray, " draws"]]:
    """Spearman's rank correlation with the truth, on the test set and then on every resample; ties share their rank.

    Where weights are whole numbers this is the correlation of a list in which every item stands so many times.
    """
    found: dict[str, list[np.ndarray]] = {model: [] for model in values}
    for weights in _weights(groups):
        theirs = _ranks(truth, weights)
        for model, predicted in values.items():
            found[model].append(_correlation(_ranks(predicted, weights), theirs, weights))
    return {model: np.concatenate(parts) for model, parts in found.items()}


def _columns(found: Prediction, truth: Values) -> dict[str, Values]:
    """What means are taken of."""
    error, centred = found.value - truth, truth - truth.mean()
    finite = np.isfinite(found.low) & np.isfinite(found.high)
    columns = {
        "squared": error**2,
        "absolute": np.abs(error),
        "relative": np.abs(error) / np.where(truth == 0, np.nan, np.abs(truth)),
        "truth": centred,
        "truth squared": centred**2,
        "inside": np.where(finite, (found.low <= truth) & (truth <= found.high), np.nan),
        "width": np.where(finite, found.high - found.low, np.nan),
    }
    said = np.full(len(truth), np.nan) if found.zero is None else found.zero.astype(float)
    zeros = (truth == 0).astype(float)
    return {**columns, "said zero": said, "are zero": zeros, "hits": said * zeros}


def _resampled(columns: Mapping[str, Values], groups: Sequence[str]) -> Columns:
    """Means over groups: of the test set first, then of every resample."""
    means = np.stack([group_means(column, groups) for column in columns.values()], axis=1)
    drawn = np.concatenate([means.mean(axis=0, keepdims=True), resamples(len(means)) @ means / len(means)])
    return dict(zip(columns, drawn.T, strict=True))


def _weights(groups: Sequence[str]) -> Iterator[Weights]:
    """Weights of the items: of the test set first, then of every resample, some resamples at a time."""
    _, codes, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    share = 1 / sizes[codes]
    yield share[None, :]
    drawn = resamples(len(sizes))
    for start in range(0, DRAWS, CHUNK):
        yield drawn[start : start + CHUNK][:, codes] * share


def _ranks(values: Values, weights: Weights) -> Weights:
    """Weight of the items below, and half of that of the equal ones."""
    _, codes = np.unique(values, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    ends: Int[np.ndarray, " _"] = np.cumsum(np.bincount(codes)) - 1
    upper = np.cumsum(weights[:, order], axis=1)[:, ends]
    lower = np.concatenate([np.zeros((len(weights), 1)), upper[:, :-1]], axis=1)
    return ((lower + upper) / 2)[:, codes]


def _correlation(a: Weights, b: Weights, weights: Weights) -> Float[np.ndarray, " draws"]:
    """Weighted correlation of each row; NaN where one side is constant."""
    half = weights.sum(axis=1, keepdims=True) / 2  # mean of all ranks
    a, b = a - half, b - half
    both, own_a, own_b = ((weights * x * y).sum(axis=1) for x, y in ((a, b), (a, a), (b, b)))
    scale = half[:, 0] ** 3  # of a variance that is not zero but for rounding
    return _ratio(both, np.where((own_a > 1e-9 * scale) & (own_b > 1e-9 * scale), np.sqrt(own_a * own_b), 0.0))


def _variance(mean: Float[np.ndarray, " draws"], squares: Float[np.ndarray, " draws"]) -> Float[np.ndarray, " draws"]:
    """Mean of squares less square of the mean; 0 where rounding alone leaves anything, as in a draw of zeros alone."""
    variance = squares - mean**2
    return np.where(variance > 1e-12 * squares.max(), variance, 0.0)


def _ratio(a: Float[np.ndarray, " draws"], b: Float[np.ndarray, " draws"]) -> Float[np.ndarray, " draws"]:
    """The quotient; NaN where b is zero."""
    return np.divide(a, b, out=np.full(len(a), np.nan), where=np.abs(b) > 1e-300)
