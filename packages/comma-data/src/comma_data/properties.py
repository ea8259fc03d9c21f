"""A table of properties beside a folder of structures: `properties.csv`."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from comma_data.cells import values
from comma_data.errors import DataError
from comma_data.formulas import classify, reduced

FILE = "properties.csv"
SOURCE = "properties"
"""Under which the rows of these tables stand in accounts."""
ID = "material_id"
FORMULA = "formula_pretty"
NOT_TARGETS = frozenset({ID, FORMULA, "nsites"})
"""Columns that describe the row and are no property to learn."""


@dataclass(frozen=True, kw_only=True)
class Properties:
    """One row of the table."""

    formula: str | None
    """Reduced formula, None where the table does not say."""
    targets: Mapping[str, float | str]
    """Number, or class name; a cell that says nothing is absent."""


def read_properties(path: Path, names: Mapping[str, str] | None = None) -> dict[str, Properties]:
    """As `parse_properties`, of a file.

    Raises:
        DataError: Also where the file cannot be read.
    """
    try:
        return parse_properties(str(path), path.read_bytes(), names)
    except OSError as error:
        raise DataError(f"{path}: {error}; save it as CSV in UTF-8") from error


def parse_properties(path: str, data: bytes, names: Mapping[str, str] | None = None) -> dict[str, Properties]:
    """Material id -> its row. White space around names of columns and cells is none of theirs.

    Args:
        path: For messages.
        data: A CSV file with a column `material_id`; `formula_pretty` is compared with the structure, every other
            column is a target.
        names: Column -> name of the target, for the columns that are wanted; None takes all under their own names.

    Raises:
        DataError: A column is missing, a line is malformed, an id comes twice, or a cell in a column of numbers is none
            (`cells.values`).
    """
    try:
        with io.StringIO(data.decode("utf-8-sig"), newline="") as file:
            return _table(path, csv.DictReader(file, strict=True), names)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {error}; save it as CSV in UTF-8") from error


def _table(path: str, rows: "csv.DictReader[str]", names: Mapping[str, str] | None) -> dict[str, Properties]:
    columns = _columns(path, rows)
    named = {column.strip(): name for column, name in (names or {}).items()}
    wanted = named if names is not None else {c: c for c in columns if c not in NOT_TARGETS}
    missing = [column for column in (ID, *wanted) if column not in columns]
    if missing:
        hint = f"; {ID} is the column of the structures' names, as their files are called" if ID in missing else ""
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(columns) or 'none'}{hint}")
    found: dict[str, dict[str, str]] = {}
    places: list[str] = []
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        if None in row or None in row.values():
            raise DataError(f"{where}: not {len(columns)} cells; correct the table")
        cells = {column: cell.strip() for column, cell in row.items()}
        if cells[ID] in found:
            raise DataError(f"{where}: {ID} {cells[ID]!r} comes twice; correct the table")
        found[cells[ID]] = cells
        places.append(where)
    targets = _targets(list(found.values()), places, wanted)
    return {
        key: Properties(formula=_formula(cells.get(FORMULA)), targets=of_row)
        for (key, cells), of_row in zip(found.items(), targets, strict=True)
    }


def _columns(path: str, rows: "csv.DictReader[str]") -> list[str]:
    """The names of the columns, which the rows then have."""
    columns = list(rows.fieldnames or ())
    stripped = rows.fieldnames = [column.strip() for column in columns]
    if len(set(stripped)) < len(set(columns)):
        raise DataError(f"{path}: columns of one name, {', '.join(stripped)}; give each its own")
    return stripped


def _targets(
    rows: Sequence[Mapping[str, str]], places: Sequence[str], wanted: Mapping[str, str]
) -> list[dict[str, float | str]]:
    """The targets of each row; whether one is a number or a class is told by its whole column."""
    found: list[dict[str, float | str]] = [{} for _ in rows]
    for column, name in wanted.items():
        for targets, value in zip(found, values(column, [row[column] for row in rows], places), strict=True):
            if value is not None:
                targets[name] = value
    return found


def _formula(text: str | None) -> str | None:
    amounts = classify(text).amounts if text else None
    return reduced(amounts) if amounts else None
