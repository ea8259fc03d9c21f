"""CSV tables of the user's with two columns: pairs, groups."""

import csv
from pathlib import Path

from comma_data.cells import word
from comma_data.errors import ConfigError


def two_columns(path: Path, first: str, second: str, *, option: str) -> list[tuple[str, str]]:
    """The rows of a CSV file, both cells filled; white space around names of columns and cells is none of theirs.

    Args:
        path: The file; other columns are not looked at.
        first: Name of a column.
        second: Name of a column.
        option: Of the build, that names the file; it stands in messages.

    Raises:
        ConfigError: The file cannot be read, lacks a column or has it twice, or has an empty cell.
    """
    wanted = f"give a CSV file in UTF-8 with the columns {first} and {second}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            columns = table.fieldnames = [column.strip() for column in table.fieldnames or ()]
            rows = [((row.get(first) or "").strip(), (row.get(second) or "").strip()) for row in table]
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise ConfigError(f"{option} {path}: {reason}; {wanted}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{option} {path}: {error}; {wanted}") from error
    if missing := [column for column in (first, second) if column not in columns]:
        there = ", ".join(columns) or "none"
        raise ConfigError(f"{option} {path}: no column {' and '.join(missing)}; it has {there}; {wanted}")
    if twice := [column for column in (first, second) if columns.count(column) > 1]:
        raise ConfigError(f"{option} {path}: the column {twice[0]} comes twice; {wanted}")
    if not all(word(cell) for row in rows for cell in row):
        raise ConfigError(f"{option} {path}: a row with an empty cell (or `nan`, `NA`); give both in each row")
    return rows
