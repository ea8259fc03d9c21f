"""A linear head on frozen features: ridge, or logistic regression; kept as safetensors and JSON, never pickled."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

from comma_encoders.errors import InputError, UsageError

Mode = Literal["regression", "classification"]
ARRAYS = ("mean", "scale", "weights", "bias")
PENALTIES = np.logspace(-2, 4, 13)
"""Of ridge; the one with the least leave-one-out error is taken, task by task."""


def check_mode(mode: str) -> None:
    """Refuse another word.

    Raises:
        UsageError: it is none of the two.
    """
    if mode not in get_args(Mode):
        raise UsageError(f"mode={mode!r}; it has to be {' or '.join(map(repr, get_args(Mode)))}")


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Standardised features times weights; one output a task, or one a class of each task."""

    mode: Mode
    mean: Float[np.ndarray, " features"]
    scale: Float[np.ndarray, " features"]
    weights: Float[np.ndarray, "tasks outputs features"]
    bias: Float[np.ndarray, "tasks outputs"]

    def predict(self, features: Float[np.ndarray, "n features"]) -> np.ndarray:
        """Values (n, tasks), or probabilities (n, tasks, classes)."""
        x = (np.asarray(features, dtype=np.float64) - self.mean) / self.scale
        out = np.einsum("nf,tof->nto", x, self.weights) + self.bias
        if self.mode == "regression":
            return out[:, :, 0]
        grown = np.exp(out - out.max(axis=2, keepdims=True))
        return grown / grown.sum(axis=2, keepdims=True)

    def save(self, path: Path) -> None:
        """Write `<path>.safetensors` and `<path>.json`."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in ARRAYS}
        save_file(arrays, path.with_suffix(".safetensors"))
        path.with_suffix(".json").write_text(json.dumps({"mode": self.mode}) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Linear":
        """Read what `save` wrote.

        Raises:
            InputError: it is not there, or damaged.
        """
        try:
            arrays = load_file(path.with_suffix(".safetensors"))
            mode = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["mode"]
            return cls(mode=mode, **{name: arrays[name] for name in ARRAYS})
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError(
                f"there is no head at {path}, or it is damaged ({error}); fit and save it again"
            ) from error


def fit(
    features: Float[np.ndarray, "n features"],
    y: Float[np.ndarray, "n tasks"],
    w: Float[np.ndarray, "n tasks"],
    mode: Mode,
    *,
    classes: int = 2,
) -> Linear:
    """Fit a head, each task on the samples whose weight is above zero.

    Args:
        features: of the samples.
        y: values; in classification whole numbers from 0.
        w: weights; 0 where a sample has no label.
        mode: ridge, or logistic regression with the inverse penalty 1.
        classes: number of classes.

    Raises:
        InputError: a task without labels, or with a label that is none.
    """
    scaler = StandardScaler().fit(features)
    x = scaler.transform(features)
    tasks = [_task(x, y[:, t], w[:, t], mode, classes, f"task {t}") for t in range(y.shape[1])]
    weights, bias = (np.stack(part) for part in zip(*tasks, strict=True))
    return Linear(mode=mode, mean=scaler.mean_, scale=scaler.scale_, weights=weights, bias=bias)


def _task(  # noqa: PLR0913, PLR0917 - what `fit` was given
    x: np.ndarray, y: np.ndarray, w: np.ndarray, mode: Mode, classes: int, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, features) and bias (outputs,) of one task."""
    chosen = w > 0
    x, w = x[chosen], w[chosen]
    y = y[chosen]
    if len(y) < 2:
        raise InputError(f"{name} has {len(y)} labels of a weight above 0; at least 2 are needed")
    if not np.isfinite(y).all():
        raise InputError(f"{name} has a label that is not finite; give it the weight 0 if it is missing")
    if mode == "regression":
        ridge = RidgeCV(alphas=PENALTIES).fit(x, y, sample_weight=w)
        return ridge.coef_[None], np.array([ridge.intercept_])
    return _logistic(x, y, w, classes, name)


def _logistic(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, classes: int, name: str
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """One output a class; a class that no sample has is never predicted."""
    if not set(np.unique(y)) <= set(range(classes)):
        raise InputError(f"{name}: classes are whole numbers from 0 to {classes - 1}; got {np.unique(y)[:5].tolist()}")
    there = np.unique(y).astype(int)
    if len(there) < 2:
        raise InputError(f"{name}: all samples are of class {there[0]}; there is nothing to learn")
    found = LogisticRegression(max_iter=1000).fit(x, y.astype(int), sample_weight=w)
    two = len(there) == 2
    coefficients: Sequence[np.ndarray] = [0 * found.coef_[0], found.coef_[0]] if two else list(found.coef_)
    intercepts: Sequence[float] = [0.0, found.intercept_[0]] if two else list(found.intercept_)
    weights, bias = np.zeros((classes, x.shape[1])), np.full(classes, -np.inf)
    weights[there], bias[there] = coefficients, intercepts
    return weights, bias
