"""Whatever a decoder returns -> one grey channel in its own depth; no grey level is ever lost to a cast."""

import numpy as np

from comma_data.micrographs.frame import ImageError, check_size

LUMA = (299, 587, 114)
"""Thousandths of red, green and blue in grey: ITU-R BT.601-7, section 2.5.1."""
_DTYPES = frozenset("b1 u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8".split())


def grey(array: np.ndarray) -> np.ndarray:
    """(height, width) of (height, width) or (height, width, channels).

    Two channels are grey and alpha, three colours, four colours and alpha; alpha is left out. Equal colours are taken
    as they are, others are weighed by `LUMA`, rounded to the file's own type.

    Raises:
        ImageError: `complex`, `not-an-image` (its shape or type), `too-many-pixels`, `too-small`, `not-finite`.
    """
    if array.dtype.kind == "c":
        raise ImageError("complex", "complex numbers; save the modulus, the phase or a power spectrum")
    if f"{array.dtype.kind}{array.dtype.itemsize}" not in _DTYPES:
        raise ImageError("not-an-image", f"pixels of type {array.dtype}; whole or decimal numbers are read")
    if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] not in {1, 2, 3, 4}):
        raise ImageError("not-an-image", f"an array of shape {array.shape}; (height, width) or colours are read")
    check_size(array.shape[:2])
    pixels = array if array.ndim == 2 else _one_channel(array)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ImageError("not-finite", "NaN or infinite pixels; fill them or cut them off")
    return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))


def _one_channel(array: np.ndarray) -> np.ndarray:
    if array.shape[2] < 3:
        return array[..., 0]
    red, green, blue = (array[..., i] for i in range(3))
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red
    weighed = sum((array[..., i] * (LUMA[i] / 1000) for i in range(3)), np.zeros(array.shape[:2]))
    return (weighed if array.dtype.kind == "f" else np.rint(weighed)).astype(array.dtype)
