"""Figures of predictions where each row counts as often as a draw says."""

import numpy as np


def scores(predicted: np.ndarray, true: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Mean absolute error and root of the mean squared error, eV."""
    error = predicted - true
    total = weights.sum()
    return {
        "MAE, eV": float(weights @ np.abs(error) / total),
        "RMSE, eV": float(np.sqrt(weights @ error**2 / total)),
    }


class Spearman:
    """Correlation of ranks, ties at their mean (Spearman 1904), sorted once for all weights."""

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        self._places = [np.unique(values, return_inverse=True)[1] for values in (first, second)]

    def __call__(self, weights: np.ndarray) -> float:
        """The coefficient where row i occurs weights[i] times; 0 where one side is constant."""
        a, b = (_ranks(places, weights) for places in self._places)
        a, b = a - weights @ a / weights.sum(), b - weights @ b / weights.sum()
        spread = np.sqrt((weights @ a**2) * (weights @ b**2))
        return float(weights @ (a * b) / spread) if spread else 0.0


def _ranks(places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean rank of each row, given the place of its value among the distinct ones."""
    counts = np.bincount(places, weights=weights)
    return (np.cumsum(counts) - counts / 2)[places]
