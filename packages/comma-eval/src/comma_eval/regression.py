"""Numbers of a sample and a head make a predictor: the probe of a model is one, and so is every baseline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

from comma_eval import heads
from comma_eval.conformal import FEWEST, half_width, held_back
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.task import Prediction

Matrix = Float[np.ndarray, "samples features"]

Read = Callable[[Sequence[Sample]], Matrix]
"""Samples -> the numbers that a head reads."""

Learn = Callable[[Sequence[Sample]], Read]
"""Training samples -> how samples are read: what has to be learnt of the training samples (means, words) is."""

FORMULAS = 2 * FEWEST + 2
"""Formulas to learn from at least: 9 calibrate the intervals."""


def check_formulas(groups: Sequence[str], target: str) -> None:
    """Refuse too few formulas to learn from.

    Args:
        groups: the formula of each label.
        target: what is learnt.

    Raises:
        EmptyTaskError: with what is needed.
    """
    if len(set(groups)) < FORMULAS:
        raise EmptyTaskError(
            f"{len(groups)} labels of {len(set(groups))} formulas are too few to learn {target!r} from: at least "
            f"{FORMULAS} formulas are needed, {FEWEST} of them to calibrate the intervals"
        )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What was learnt of a target."""

    read: Read
    answer: heads.Fitted
    half_width: float


@dataclass(kw_only=True)
class Regression:
    """A `Predictor` of numbers that are read off samples, and a head.

    The head is fitted on nine tenths of the training formulas; its 90 % intervals are calibrated on the rest (see
    `comma_eval.conformal`). The order of the training samples does not matter.
    """

    learn: Learn
    """How samples are read."""
    head: str = "ridge"
    """A key of `comma_eval.heads.HEADS`."""
    _known: _Known | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a head that does not exist."""
        heads.check(self.head)

    def fit(self, train: Sequence[Sample], target: str) -> None:
        """Learn `Sample.targets[target]` of samples whose `groups["formula"]` says what belongs together.

        Raises:
            EmptyTaskError: too few formulas.
            UsageError: a sample without the target, or whose target is no number.
        """
        samples = sorted(train, key=lambda sample: (_hash(sample.groups["formula"]), sample.id))
        groups = [sample.groups["formula"] for sample in samples]
        check_formulas(groups, target)
        values, calibrates = numbers(samples, target), held_back(groups)
        kept = [sample for sample, held in zip(samples, calibrates, strict=True) if not held]
        apart = [sample for sample, held in zip(samples, calibrates, strict=True) if held]
        read = self.learn(kept)
        answer = heads.fit(self.head, read(kept), values[~calibrates], _formulas(kept))
        errors = np.abs(answer(read(apart)).value - values[calibrates])
        self._known = _Known(read=read, answer=answer, half_width=half_width(errors, _formulas(apart)))

    def predict(self, samples: Sequence[Sample]) -> Prediction:
        """Expected values with their intervals; a target taken in two parts is never negative.

        Raises:
            UsageError: nothing was fitted.
        """
        if self._known is None:
            raise UsageError("this predictor was not fitted: call fit(train, target) first")
        if not samples:
            return Prediction(value=np.zeros(0), low=np.zeros(0), high=np.zeros(0))
        found = self._known.answer(self._known.read(samples))
        low, high = found.value - self._known.half_width, found.value + self._known.half_width
        if found.present is None:
            return Prediction(value=found.value, low=low, high=high)
        return Prediction(value=found.value, low=np.maximum(low, 0), high=high, zero=found.present < 0.5)


def scaled(raw: Read, *, spread: bool = True) -> Learn:
    """Numbers brought to mean 0 and, where `spread`, standard deviation 1 over the training samples that have them.

    Args:
        raw: rows or parts of rows may be NaN; what a sample does not have becomes the training mean.
        spread: False leaves the widths as they are.
    """

    def learn(train: Sequence[Sample]) -> Read:
        known = raw(train)
        mean = np.nanmean(known, axis=0)
        width = np.nanstd(known, axis=0) if spread else np.ones(known.shape[1])
        width = np.where(width > 1e-9, width, 1.0)
        return lambda samples: np.nan_to_num((raw(samples) - mean) / width, nan=0.0)

    return learn


def numbers(samples: Sequence[Sample], target: str) -> Float[np.ndarray, " samples"]:
    """The target of each sample.

    Raises:
        UsageError: a sample has none, or a class or no finite number.
    """
    for sample in samples:
        value = sample.targets.get(target)
        if not isinstance(value, int | float) or not np.isfinite(value):
            what = "is the class" if isinstance(value, str) else "is"
            raise UsageError(f"{target!r} of sample {sample.id} {what} {value!r}; a property has to be a finite number")
    return np.array([float(sample.targets[target]) for sample in samples])


def _formulas(samples: Sequence[Sample]) -> list[str]:
    return [sample.groups["formula"] for sample in samples]


def _hash(formula: str) -> bytes:
    return sha256(formula.encode()).digest()
