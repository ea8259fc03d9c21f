"""How predictors are asked: what they see, and what is checked of what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from comma_data.protocol import with_view
from comma_data.sample import Sample
from jaxtyping import Bool, Float

from comma_eval.errors import UsageError
from comma_eval.task import Prediction, Predictor

VIEW = "precursors"
"""How protocols are told."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Held-out samples, and what is right about them."""

    samples: tuple[Sample, ...]
    """Raw values alone: no target, group, annotation or name that tells what it is."""
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    """Formula of each."""
    truth: Float[np.ndarray, " samples"]

    def only(self, kept: Bool[np.ndarray, " samples"]) -> "Asked":
        """Some of them."""
        return Asked(
            samples=tuple(compress(self.samples, kept)),
            ids=tuple(compress(self.ids, kept)),
            groups=tuple(compress(self.groups, kept)),
            truth=self.truth[kept],
        )


def told(samples: Sequence[Sample]) -> list[Sample]:
    """The samples with their protocols told as in retrieval: they never name the target, and none is without words."""
    return [with_view(sample, VIEW) for sample in samples]


def shown(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Held-out samples as a predictor sees them: raw values alone."""
    return tuple(
        Sample(id=f"held-out-{number}", fields=sample.fields, groups={}) for number, sample in enumerate(samples)
    )


def taught(samples: Sequence[Sample], targets: Sequence[str]) -> tuple[Sample, ...]:
    """Training samples as a predictor sees them: raw values, the formula, and these targets alone."""
    return tuple(
        replace(
            sample,
            groups={"formula": sample.groups["formula"]},
            targets={name: sample.targets[name] for name in targets},
            annotations={},
            provenance={},
        )
        for sample in samples
    )


def predictions(
    predictors: Mapping[str, Predictor], train: Sequence[Sample], asked: Asked, target: str
) -> dict[str, Prediction]:
    """Fit every predictor on the same samples, and let it predict the same others.

    Raises:
        UsageError: a predictor gives another number of values, a value that is not finite, or an interval beside it.
    """
    found = {}
    for name, predictor in predictors.items():
        predictor.fit(train, target)
        found[name] = predictor.predict(asked.samples)
        _check(name, found[name], asked)
    return found


def _check(name: str, found: Prediction, asked: Asked) -> None:
    shapes = {np.shape(values) for values in (found.value, found.low, found.high)}
    if shapes != {(len(asked.ids),)}:
        raise UsageError(f"{name} has to give one value, low and high for each of {len(asked.ids)} samples: {shapes}")
    if not np.isfinite(found.value).all():
        worst = asked.ids[int(np.argmin(np.isfinite(found.value)))]
        raise UsageError(f"{name} predicts no finite number for sample {worst}")
    outside = (found.low > found.value) | (found.value > found.high)
    if outside.any():
        raise UsageError(f"{name} predicts a value outside its own interval for sample {asked.ids[outside.argmax()]}")
