"""Tables of a user's with two columns: pairs, groups."""

import csv
from pathlib import Path

from comma_data.errors import ConfigError


def two_columns(path: Path, first: str, second: str, *, option: str) -> list[tuple[str, str]]:
    """The rows of a CSV file, both cells filled.

    Args:
        path: The file; other columns are not looked at.
        first: Name of a column.
        second: Name of a column.
        option: Of the build, that names the file; it stands in messages.

    Raises:
        ConfigError: The file cannot be read, lacks a column, or has an empty cell.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(row[first], row[second]) for row in csv.DictReader(file, strict=True)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        message = f"{option} {path}: {error!r}; give a CSV file with the columns {first} and {second}"
        raise ConfigError(message) from error
    if not all(one and other for one, other in rows):
        raise ConfigError(f"{option} {path}: a row with an empty cell; give both in each row")
    return rows
