"""Variants of a structure that mean the same material."""

from typing import Any

import numpy as np

NOISE = 0.05
"""Å, standard deviation of each coordinate at strength 1: about the amplitude of thermal motion at room temperature."""


def augment(value: Any, rng: np.random.Generator, strength: float = 1.0) -> Any:
    """The same structure with Gaussian noise of `strength` x 0.05 Å on every position."""
    positions = np.asarray(value["positions"], dtype=np.float64)
    return {**value, "positions": positions + strength * NOISE * rng.standard_normal(positions.shape)}
