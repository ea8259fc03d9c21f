"""Variants of a pattern that mean the same material."""

from typing import Any

import numpy as np

SHIFT = 0.05
"""Degrees: a usual error of the zero point or of the height of the specimen."""
NOISE = 0.02
"""Of the strongest peak."""


def augment(value: Any, rng: np.random.Generator, strength: float = 1.0) -> Any:
    """The pattern with a shifted zero point and noise, both in proportion to `strength`."""
    intensity = np.asarray(value["intensity"], dtype=np.float64)
    angle = np.asarray(value["two_theta"], dtype=np.float64)
    noise = strength * NOISE * intensity.max() * rng.standard_normal(len(intensity))
    shift = strength * SHIFT * rng.standard_normal()
    shifted = np.clip(angle + shift, 1e-3, 180 - 1e-3) if abs(shift) < angle[0] else angle
    return {**value, "two_theta": shifted, "intensity": np.clip(intensity + noise, 0, None)}
