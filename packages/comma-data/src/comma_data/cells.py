"""What the cells of a user's table say: nothing, a word, or a number where their column has numbers."""

import math
import re
from collections.abc import Sequence

from comma_data.errors import DataError

NOTHING = frozenset({"", "nan", "-nan", "n/a", "#n/a", "<na>", "null"})
"""What tables have for a missing value, in lower case. `NA` is read so too, but `Na` is sodium, and `none` a class."""
NO_NUMBER = NOTHING | {"-", "--", "–", "—", "?", "na", "none"}
"""What says nothing in a column of numbers, in lower case; in a column of classes these may be some."""

_MEANT = re.compile(r"[<>≤≥~≈±+−-]*\s*[.,]?\d")
"""The beginning of what is meant as a number: `1,234`, `3.1 eV`, `<0.1`."""
_ASKED = "write a plain number, as 1234.5, or leave the cell empty; if these are classes, begin each with a letter"


def word(cell: str) -> str | None:
    """The text as it is written; None where the cell is empty, or says that a value is missing."""
    return None if cell.casefold() in NOTHING or cell == "NA" else cell


def values(name: str, cells: Sequence[str], places: Sequence[str]) -> list[float | str | None]:
    """The cells of a column: numbers, or else classes, for all of them alike; None for what says nothing.

    The column has numbers where at least one cell is one and half of those that say something are meant as some. A
    cell that is none would otherwise make a class of its own, and the column two targets in one.

    Args:
        name: Of the column.
        cells: Without white space around them.
        places: File and line of each, for messages.

    Raises:
        DataError: A cell in a column of numbers is none.
    """
    if not _has_numbers(cells):
        return [word(cell) for cell in cells]
    return [_number(cell, f"{place}: {name}") for cell, place in zip(cells, places, strict=True)]


def _has_numbers(cells: Sequence[str]) -> bool:
    said = [cell for cell in cells if cell.casefold() not in NO_NUMBER]
    numbers = [_float(cell) is not None for cell in said]
    meant = [number or bool(_MEANT.match(cell)) for number, cell in zip(numbers, said, strict=True)]
    return any(numbers) and 2 * sum(meant) >= len(said)


def _number(cell: str, where: str) -> float | None:
    """A finite number; what is endless says nothing."""
    if cell.casefold() in NO_NUMBER:
        return None
    number = _float(cell)
    if number is None:
        raise DataError(f"{where} {cell!r}: no number, in a column of numbers; {_ASKED}")
    if "_" in cell:  # a number to Python alone
        raise DataError(f"{where} {cell!r}: write a number without _, or a class that is no number")
    return number if math.isfinite(number) else None


def _float(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
