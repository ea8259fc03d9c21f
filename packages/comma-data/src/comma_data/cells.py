"""What a cell of a user's table says."""


def word(cell: str) -> str | None:
    """The text as it is written; None where the cell is empty, or says `nan` as tables of missing values do."""
    return cell if cell and cell.casefold() != "nan" else None
