"""Micrographs of any depth -> squares of one size, and their physical scale."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from comma_encoders.errors import InputError
from comma_encoders.modalities.image.config import Config

MAX_PIXELS = 64_000_000


def checked(value: Any) -> tuple[np.ndarray, float]:
    """Pixels (height, width) float32, and nm per pixel, NaN where unknown.

    Raises:
        InputError: not a two-dimensional array of numbers, nearly empty, enormous, not finite, an impossible scale.
    """
    try:
        pixels = np.asarray(value["pixels"])
        scale = value["nm_per_pixel"]
    except (KeyError, TypeError) as error:
        raise InputError(f"an image needs pixels (height, width) and nm_per_pixel (or None): {error!r}") from error
    if pixels.ndim != 2 or min(pixels.shape) < 2 or pixels.dtype.kind not in "uifb":
        raise InputError(f"an image has to be (height, width) of numbers; got {pixels.shape} of {pixels.dtype}")
    if pixels.size > MAX_PIXELS:
        raise InputError(f"an image of {pixels.shape} pixels, more than {MAX_PIXELS}; cut or bin it first")
    out = pixels.astype(np.float32)
    if not np.isfinite(out).all():
        raise InputError("an image has a NaN or infinite pixel")
    if scale is not None and not 1e-5 < scale < 1e6:
        raise InputError(f"{scale} nm per pixel; it has to lie between 1e-5 and 1e6, or be None where unknown")
    return out, np.nan if scale is None else float(scale)


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Pixels with their 0.5th and 99.5th percentile at -1 and 1, a little clipped: no cast ever drops grey levels."""
    low, high = np.percentile(pixels, [0.5, 99.5])
    return np.clip((pixels - low) / max(high - low, 1e-12) * 2 - 1, -1.5, 1.5).astype(np.float32)


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """`pixels` (values, 1, side, side) float32, `scale` (values, 2): log10 of the field of view in nm, and if known.

    Raises:
        InputError: an image that cannot be used; the message gives its place in the list.
    """
    squares, scales = [], []
    for i, value in enumerate(values):
        try:
            pixels, nm = checked(value)
        except InputError as error:
            raise InputError(f"image {i} of {len(values)}: {error}") from error
        square = functional.interpolate(
            torch.from_numpy(scaled(pixels))[None, None], size=(config.pixels,) * 2, mode="bilinear", antialias=True
        )
        squares.append(square[0])
        field = np.log10(nm * np.sqrt(pixels.size))
        scales.append([field, 1.0] if np.isfinite(field) else [0.0, 0.0])
    return {"pixels": torch.stack(squares), "scale": torch.tensor(scales, dtype=torch.float32)}
