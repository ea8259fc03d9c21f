"""One image as a file holds it, and the bounds that are kept before and after it is decoded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from comma_data.errors import CodedError

MAX_PIXELS = 64_000_000
"""Pixels of one image; read from the header, before anything is decoded."""
MAX_FRAMES = 16
"""Images of one file. A longer stack is a film, a tomogram or a scan of spectra, and no set of micrographs."""

ScaleFrom = Literal["tag", "table", "option", "none"]
"""Where nm per pixel is known from: the file, a row of the table, an option of the build, nowhere."""


class ImageError(CodedError):
    """An image file that cannot be taken as micrographs; the code can be counted."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One image of a file."""

    pixels: np.ndarray
    """(height, width), in the file's own depth and the machine's byte order."""
    nm_per_pixel: float | None = None
    """As the file states it."""
    name: str = ""
    """What the file calls it, where it holds several."""


def check_size(shape: Sequence[int]) -> None:
    """Refuse a declared size before it is decoded.

    Args:
        shape: (height, width), from the header.

    Raises:
        ImageError: `too-many-pixels`, or `too-small` for fewer than 2 pixels across.
    """
    if prod(int(side) for side in shape) > MAX_PIXELS:
        declared = " x ".join(str(side) for side in shape)
        raise ImageError("too-many-pixels", f"{declared} pixels, at most {MAX_PIXELS}; cut or bin the image first")
    if min(shape) < 2:
        raise ImageError("too-small", f"{' x '.join(map(str, shape))} pixels; at least 2 each way")


def check_count(frames: int) -> None:
    """Refuse a long stack before it is decoded.

    Raises:
        ImageError: `stack-too-long`, or `no-image` for none.
    """
    if frames > MAX_FRAMES:
        raise ImageError("stack-too-long", f"{frames} images, at most {MAX_FRAMES}; save those you mean one by one")
    if frames < 1:
        raise ImageError("no-image", "holds no two-dimensional image")


def in_order(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Frames with a number for a name where they have none and are several."""
    given = tuple(frames)
    check_count(len(given))
    if len(given) == 1:
        return given
    return tuple(
        Frame(pixels=frame.pixels, nm_per_pixel=frame.nm_per_pixel, name=frame.name or f"{number:02d}")
        for number, frame in enumerate(given, start=1)
    )
