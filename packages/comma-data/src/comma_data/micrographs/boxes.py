"""Boxes around what is marked in an image: text of four numbers a line, or CSV."""

import csv
import io

import numpy as np

from comma_data.micrographs.frame import ImageError

COLUMNS = ("y1", "x1", "y2", "x2")
"""Top, left, bottom, right edge in pixels from the upper left corner."""


def read_boxes(data: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Boxes (n, 4) float64, columns as `COLUMNS`.

    A file whose first line names the columns is CSV, in any order of columns; any other has four numbers a line in the
    order of `COLUMNS`, between blanks or commas. An empty file means that nothing is marked.

    Args:
        data: Content of the file.
        shape: (height, width) of the image.

    Raises:
        ImageError: `bad-boxes`: not numbers, not four of them, edges in the wrong order, or outside the image.
    """
    try:
        text = data.decode("utf-8-sig")
        rows = (
            _csv(text) if "y1" in text.partition("\n")[0] else [line.replace(",", " ").split() for line in _lines(text)]
        )
        boxes = np.array(rows, dtype=np.float64).reshape(len(rows), 4)
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise ImageError("bad-boxes", f"boxes have to be four numbers ({' '.join(COLUMNS)}) a line: {error}") from error
    height, width = shape
    ordered = (boxes[:, :2] < boxes[:, 2:]).all() and (boxes >= 0).all()
    if not ordered or not (boxes[:, 2:] <= (height, width)).all():  # NaN fails too
        raise ImageError("bad-boxes", f"boxes have to lie in the image of {height} x {width}, with y1 < y2 and x1 < x2")
    return boxes


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _csv(text: str) -> list[list[str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    return [[row[name] for name in COLUMNS] for row in rows]
