"""Images that were drawn as figures: the uniform border around the picture, cut off."""

import numpy as np

from comma_data.micrographs.frame import ImageError

TOLERANCE = 0.02
"""Of the range (see `_range`): how far a border may stray from one colour."""
SHARE = 0.98
"""Part of a row or column that has to be of the border's colour."""
RINGING = 8
"""Rows or columns at a cut border that JPEG's blocks of 8 x 8 may have blurred."""
BLURRED = 0.25
"""Of the range: such a row or column is cut too while half of its pixels are nearer than this to the border."""

LEAST = 0.5
"""Part of a deep image (above 8 bits) that a border leaves. A dark specimen field is as even as a border may be, and
cameras write such images; figures are drawn in 8 bits, of which any part may be border."""
ENDS = (0.1, 99.9)
"""Percentiles between which the range of a deep image of whole numbers lies: a camera's 12 bits fill no 16, and a hot
pixel is no range."""


def picture(pixels: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns inside a border of the colour of the upper left pixel; the whole image where there is none.

    Raises:
        ImageError: `nothing-but-border`, or `mostly-border` where less than `LEAST` of a deep image would be left.
    """
    plain = pixels.astype(np.float64)
    distance = np.abs(plain - plain[0, 0])
    near, blurred = (distance <= part * _range(pixels) for part in (TOLERANCE, BLURRED))
    rows, columns = (_between(near.mean(axis=axis) < SHARE) for axis in (1, 0))
    rows = _without_blur(blurred[:, columns].mean(axis=1), rows)
    _check_side(rows)
    columns = _without_blur(blurred[rows].mean(axis=0), columns)
    _check_side(columns)
    left = (rows.stop - rows.start) * (columns.stop - columns.start) / pixels.size
    if pixels.dtype.itemsize > 1 and left < LEAST:
        message = (
            f"{1 - left:.0%} of it would be cut off as a border; cut the image yourself, or set crop_border = false"
        )
        raise ImageError("mostly-border", message)
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


def _check_side(lines: slice) -> None:
    if lines.stop - lines.start < 2:
        raise ImageError("nothing-but-border", "one colour from edge to edge")


def _without_blur(shares: np.ndarray, lines: slice) -> slice:
    """Lines without those that are blurred in half of their pixels, on the sides where a border was cut off."""
    start, stop = lines.start, lines.stop
    while 0 < start < min(lines.start + RINGING, stop) and shares[start] > 0.5:
        start += 1
    while len(shares) > stop > max(lines.stop - RINGING, start) and shares[stop - 1] > 0.5:
        stop -= 1
    return slice(start, stop)


def _range(pixels: np.ndarray) -> float:
    """Of the type where that is of 8 bits, else of the image itself."""
    if pixels.dtype.kind in "ui":
        deep = pixels.dtype.itemsize > 1
        return float(np.ptp(np.percentile(pixels, ENDS)) if deep else np.iinfo(pixels.dtype).max)
    return float(np.ptp(pixels.astype(np.float64)))
