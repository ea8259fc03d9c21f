"""Variants of a micrograph that mean the same material. None of them removes a part of the picture."""

from typing import Any

import numpy as np

NOISE = 0.05
"""Of the range of grey levels."""


def augment(value: Any, rng: np.random.Generator, strength: float = 1.0) -> Any:
    """The image turned by a multiple of 90°, perhaps mirrored, with noise, if `strength` is above 0."""
    if strength == 0:
        return value
    pixels = np.asarray(value["pixels"], dtype=np.float32)
    pixels = np.rot90(pixels, int(rng.integers(4)))
    pixels = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    noise = strength * NOISE * (pixels.max() - pixels.min()) * rng.standard_normal(pixels.shape, dtype=np.float32)
    return {**value, "pixels": pixels + noise}
