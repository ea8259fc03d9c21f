"""Pixels as PNG, in their own depth."""

import io

import numpy as np
from PIL import Image


def fits(pixels: np.ndarray) -> bool:
    """Whether PNG holds these grey pixels without loss: (h, w), at least one, 8 or 16 bits, unsigned."""
    return pixels.ndim == 2 and pixels.size > 0 and pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2


def encode(pixels: np.ndarray) -> bytes:
    """The PNG file; the same pixels give the same bytes, under one version of Pillow.

    Args:
        pixels: (h, w) grey in 8 or 16 bits, or (h, w, 4) red, green, blue and opacity in 8 bits, unsigned.

    Raises:
        ValueError: Another type or shape.
    """
    coloured = pixels.ndim == 3 and pixels.shape[2] == 4 and pixels.dtype == np.uint8 and pixels.size > 0
    if not coloured and not fits(pixels):
        raise ValueError(f"pixels of type {pixels.dtype} and shape {pixels.shape}: PNG takes 8 or 16 bits, unsigned")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))).save(buffer, format="PNG")
    return buffer.getvalue()
