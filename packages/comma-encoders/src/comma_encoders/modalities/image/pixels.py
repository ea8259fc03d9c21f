"""Micrographs of any depth -> squares of one size, and their physical scale."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from comma_encoders.errors import InputError
from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.sizes import plan

MAX_PIXELS = 64_000_000
LARGEST = 1e30
"""A larger grey level is no intensity, and would overflow."""
SCALES = 3
"""Numbers that say the physical scale."""


def checked(value: Any) -> tuple[np.ndarray, float]:
    """Pixels (height, width) in their own depth, and nm per pixel, NaN where unknown.

    Raises:
        InputError: not a two-dimensional array of numbers, nearly empty, enormous, not finite, an impossible scale.
    """
    try:
        pixels = np.asarray(value["pixels"])
        scale = None if value["nm_per_pixel"] is None else float(value["nm_per_pixel"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"an image needs pixels (height, width) and nm_per_pixel (or None): {error!r}") from error
    if pixels.ndim != 2 or min(pixels.shape) < 2 or pixels.dtype.kind not in "uifb":
        raise InputError(f"an image has to be (height, width) of numbers; got {pixels.shape} of {pixels.dtype}")
    if pixels.size > MAX_PIXELS:
        raise InputError(f"an image of {pixels.shape} pixels, more than {MAX_PIXELS}; cut or bin it first")
    # not a NaN either: no comparison holds for it
    if not -LARGEST < float(pixels.min()) <= float(pixels.max()) < LARGEST:
        raise InputError(f"an image has a NaN, an infinite pixel or one beyond {LARGEST:g}; mend it first")
    if scale is not None and not 1e-5 < scale < 1e6:
        raise InputError(f"{scale} nm per pixel; it has to lie between 1e-5 and 1e6, or be None where unknown")
    return pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels, np.nan if scale is None else scale


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Pixels with their 0.5th and 99.5th percentile at -1 and 1, a little clipped: no cast ever drops grey levels.

    Args:
        pixels: (height, width) of any depth; the percentiles are taken and subtracted in that depth's full precision.

    Returns:
        (height, width), float32, from -1.5 to 1.5.
    """
    low, high = np.percentile(pixels, [0.5, 99.5])
    out = np.empty(pixels.shape, np.float32)
    np.subtract(pixels, low, out=out, casting="unsafe")  # in double precision, block by block: no large copy
    rounding = 1e-12 * max(abs(low), abs(high))  # of a picture that is level; a current in A spans less than 1e-12
    out *= 2 / (max(high - low, rounding) or 1.0)
    out -= 1
    return np.clip(out, -1.5, 1.5, out=out)


def centred(pixels: np.ndarray, side: int) -> np.ndarray:
    """The square of that side in the middle."""
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return pixels[top : top + side, left : left + side]


def cut(shape: tuple[int, ...], nm: float, config: Config, side: int) -> int:
    """How many of its own pixels of a micrograph the encoder sees along an edge.

    Args:
        shape: (height, width).
        nm: per pixel, NaN where unknown.
        config: which view.
        side: of the backbone's square.
    """
    if config.view == "whole":
        return min(shape)
    zoom = config.nm_per_pixel / nm if config.nm_per_pixel and np.isfinite(nm) else 1.0
    return int(np.clip(round(side * zoom), 2, min(shape)))


def square(pixels: np.ndarray, side: int) -> Float[Tensor, "1 side side"]:
    """A square micrograph, scaled to its percentiles, at another size; angles between directions stay."""
    grey = torch.from_numpy(scaled(pixels))[None, None]
    if len(pixels) == side:
        return grey[0]
    return functional.interpolate(grey, size=(side, side), mode="bilinear", antialias=True)[0]


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """`pixels` (values, 1, side, side) float32, and `scale` (values, 3) float32.

    The scale is log10 of the edge of the square in nm, log10 of the micrograph's nm per pixel, and 1; zeros where
    unknown. The edge counts what the encoder sees: a pixel of the square is exactly edge / side wide.

    Raises:
        InputError: an image that cannot be used; the message gives its place in the list.
        UsageError: a config that cannot be.
    """
    side = plan(config).sizes.pixels
    squares, scales = [], []
    for i, value in enumerate(values):
        try:
            pixels, nm = checked(value)
        except InputError as error:
            raise InputError(f"image {i} of {len(values)}: {error}") from error
        edge = cut(pixels.shape, nm, config, side)
        squares.append(square(centred(pixels, edge), side))
        scales.append([np.log10(nm * edge), np.log10(nm), 1.0] if np.isfinite(nm) else [0.0] * SCALES)
    return {"pixels": torch.stack(squares), "scale": torch.tensor(scales, dtype=torch.float32)}
