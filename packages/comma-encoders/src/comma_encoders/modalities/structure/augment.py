"""Variants of a structure that mean the same material."""

from typing import Any

import numpy as np

NOISE = 0.05
"""Å, standard deviation of each coordinate at strength 1: about the amplitude of thermal motion at room temperature."""
STRAIN = 0.01
"""Standard deviation of each component of the strain at strength 1: what separates relaxed cells of two functionals."""


def augment(value: Any, rng: np.random.Generator, strength: float = 1.0, *, strain: bool = False) -> Any:
    """The same structure with Gaussian noise of `strength` x 0.05 Å on every position.

    Args:
        value: raw structure.
        rng: decides what is done.
        strength: 1 is the usual one, 0 changes nothing.
        strain: also strain what is periodic. Not where the lattice may be asked for.
    """
    noise = strength * NOISE * rng.standard_normal(np.shape(value["positions"]))
    if strain and np.any(value["periodic"]):
        value = strained(value, symmetric(rng, strength * STRAIN))
    return {**value, "positions": np.asarray(value["positions"], dtype=np.float64) + noise}


def symmetric(rng: np.random.Generator, deviation: float) -> np.ndarray:
    """A strain tensor without rotation, (3, 3): six independent components of that standard deviation."""
    upper = np.triu(deviation * rng.standard_normal((3, 3)))
    return np.asarray(upper + np.triu(upper, 1).T)


def strained(value: Any, strain: np.ndarray) -> Any:
    """Cell and positions deformed by 1 + strain, so that the fractional coordinates stay.

    Args:
        value: raw structure.
        strain: (3, 3), symmetric.
    """
    deformation = np.eye(3) + strain
    return {**value, **{name: np.asarray(value[name], np.float64) @ deformation for name in ("positions", "cell")}}
