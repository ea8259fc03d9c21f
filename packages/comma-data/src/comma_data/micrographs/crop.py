"""Images that were drawn as figures: the uniform border around the picture, cut off."""

import numpy as np

from comma_data.micrographs.frame import ImageError

TOLERANCE = 0.02
"""Of the type's range (of a float image: of its own): how far a border may stray from one colour."""
SHARE = 0.98
"""Part of a row or column that has to be of the border's colour."""
RINGING = 8
"""Rows or columns at a cut border that JPEG's blocks of 8 x 8 may have blurred."""
BLURRED = 0.25
"""Of the range: such a row or column is cut too while half of its pixels are nearer than this to the border."""


def picture(pixels: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns inside a border of the colour of the upper left pixel; the whole image where there is none.

    Raises:
        ImageError: `nothing-but-border`.
    """
    plain = pixels.astype(np.float64)
    distance = np.abs(plain - plain[0, 0])
    near, blurred = (distance <= part * _range(pixels) for part in (TOLERANCE, BLURRED))
    rows, columns = (_between(near.mean(axis=axis) < SHARE) for axis in (1, 0))
    rows = _without_blur(blurred[:, columns].mean(axis=1), rows)
    columns = _without_blur(blurred[rows].mean(axis=0), columns)
    if rows.stop - rows.start < 2 or columns.stop - columns.start < 2:
        raise ImageError("nothing-but-border", "one colour from edge to edge")
    return rows, columns


def crop_boxes(boxes: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Boxes (n, 4) in the coordinates of the picture, cut at its edges; those outside are left out."""
    shifted = boxes - np.array([rows.start, columns.start] * 2)
    limits = np.array([rows.stop - rows.start, columns.stop - columns.start] * 2)
    cut = np.clip(shifted, 0, limits)
    return cut[(cut[:, :2] < cut[:, 2:]).all(axis=1)]


def _between(inside: np.ndarray) -> slice:
    """From the first to the last line that is inside.

    Raises:
        ImageError: `nothing-but-border`.
    """
    lines = np.flatnonzero(inside)
    if not len(lines):
        raise ImageError("nothing-but-border", "one colour from edge to edge")
    return slice(int(lines[0]), int(lines[-1]) + 1)


def _without_blur(shares: np.ndarray, lines: slice) -> slice:
    """Lines without those that are blurred in half of their pixels, on the sides where a border was cut off."""
    start, stop = lines.start, lines.stop
    while 0 < start < min(lines.start + RINGING, stop) and shares[start] > 0.5:
        start += 1
    while len(shares) > stop > max(lines.stop - RINGING, start) and shares[stop - 1] > 0.5:
        stop -= 1
    return slice(start, stop)


def _range(pixels: np.ndarray) -> float:
    if pixels.dtype.kind in "ui":
        return float(np.iinfo(pixels.dtype).max)
    return float(np.ptp(pixels.astype(np.float64)))
