"""Variants of a micrograph that mean the same material."""

from typing import Any

import numpy as np

NOISE = 0.05
"""Standard deviation of the noise at strength 1, of the range of grey levels."""
LEVELS = 0.2
"""Largest change of brightness, contrast and gamma at strength 1; gamma in natural logarithms, contrast as a share."""
BLUR = 1.0
"""Largest root mean square width of the blur at strength 1, pixels."""
CROP = 0.4
"""Largest part of an edge that `crop` takes away at strength 1."""
ERASE = 0.4
"""Largest edge, as a part of the picture's, of the rectangle that `erase` blanks at strength 1."""


def augment(
    value: Any, rng: np.random.Generator, strength: float = 1.0, *, crop: bool = False, erase: bool = False
) -> Any:
    """The image turned by a multiple of 90°, perhaps mirrored, with other levels, blur and noise.

    Scaling to percentiles in the encoder undoes a linear change of grey levels, so contrast is changed as a detector
    does it that saturates.

    Args:
        value: raw image.
        rng: decides what is done.
        strength: 0 changes nothing; how far levels, blur, noise, crop and erasing may go is in proportion to it.
        crop: also cut a part out; the scale stays, the field of view shrinks. Not where the place of something counts.
        erase: also blank a rectangle (Zhong et al. 2017, arXiv:1708.04896). Not where that may be what is asked for: it
            can remove the very defect.
    """
    if strength == 0:
        return value
    pixels = turned(np.asarray(value["pixels"], dtype=np.float32), rng)
    pixels = cropped(pixels, rng, strength) if crop else pixels
    low, high = float(pixels.min()), float(pixels.max())
    grey = (pixels - low) / max(high - low, 1e-12)
    grey = blurred(levelled(grey, rng, strength), strength * BLUR * rng.random())
    grey = grey + strength * NOISE * rng.standard_normal(grey.shape, dtype=np.float32)
    grey = erased(grey, rng, strength) if erase else grey
    return {**value, "pixels": (low + grey * (high - low)).astype(np.float32)}


def turned(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of the eight positions of a square, all equally likely."""
    pixels = np.rot90(pixels, int(rng.integers(4)))
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def cropped(pixels: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A part of the same proportions at a random place, (height, width) of two pixels or more."""
    part = 1 - strength * CROP * rng.random()
    height, width = (max(2, round(n * part)) for n in pixels.shape)
    top, left = (int(rng.integers(n - m + 1)) for n, m in zip(pixels.shape, (height, width), strict=True))
    return pixels[top : top + height, left : left + width]


def levelled(grey: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Grey levels from 0 to 1 under another gain, offset and gamma; what leaves the range is saturated."""
    offset, contrast, gamma = strength * LEVELS * rng.uniform(-1, 1, 3)
    saturated = np.clip((grey - 0.5) * (1 + contrast) + 0.5 + 0.5 * offset, 0, 1)
    return (saturated ** np.exp(gamma)).astype(np.float32)


def blurred(grey: np.ndarray, width: float) -> np.ndarray:
    """Convolved with a Gaussian of that root mean square width, pixels; the edge is continued outwards."""
    reach = min(int(np.ceil(3 * width)), min(grey.shape) - 1)
    if reach == 0:
        return grey
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2).astype(np.float32)
    for _ in range(2):  # along columns, turned over, along rows, turned back
        padded = np.pad(grey, [(reach, reach), (0, 0)], mode="edge")
        slices = (padded[k : k + len(grey)] * t for k, t in enumerate(taps / taps.sum()))
        grey = np.asarray(sum(slices)).T
    return grey


def erased(grey: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A rectangle at a random place set to the picture's mean."""
    height, width = (max(1, round(n * strength * ERASE * rng.random())) for n in grey.shape)
    top, left = (int(rng.integers(n - m + 1)) for n, m in zip(grey.shape, (height, width), strict=True))
    out = grey.copy()
    out[top : top + height, left : left + width] = grey.mean()
    return out
