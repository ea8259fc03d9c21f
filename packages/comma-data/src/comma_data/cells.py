"""What a cell of a user's table says."""

NOTHING = frozenset({"", "nan", "-nan", "n/a", "#n/a", "<na>", "null"})
"""What tables have for a missing value, in lower case. `NA` is read so too, but `Na` is sodium, and `none` a class."""


def word(cell: str) -> str | None:
    """The text as it is written; None where the cell is empty, or says that a value is missing."""
    return None if cell.casefold() in NOTHING or cell == "NA" else cell
