"""A table of properties beside a folder of structures: `properties.csv`."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from comma_data.cells import word
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
        DataError: A column is missing, a line is malformed, an id comes twice, or a number is written with `_`.
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
    table: dict[str, Properties] = {}
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        if None in row or None in row.values():
            raise DataError(f"{where}: not {len(columns)} cells; correct the table")
        cells = {column: cell.strip() for column, cell in row.items()}
        if cells[ID] in table:
            raise DataError(f"{where}: {ID} {cells[ID]!r} comes twice; correct the table")
        targets = dict(_targets(cells, wanted, where))
        table[cells[ID]] = Properties(formula=_formula(cells.get(FORMULA)), targets=targets)
    return table


def _columns(path: str, rows: "csv.DictReader[str]") -> list[str]:
    """The names of the columns, which the rows then have."""
    columns = list(rows.fieldnames or ())
    stripped = rows.fieldnames = [column.strip() for column in columns]
    if len(set(stripped)) < len(set(columns)):
        raise DataError(f"{path}: columns of one name, {', '.join(stripped)}; give each its own")
    return stripped


def _targets(cells: Mapping[str, str], wanted: Mapping[str, str], where: str) -> Iterator[tuple[str, float | str]]:
    for column, name in wanted.items():
        text = word(cells[column])
        value = None if text is None else _value(text, f"{where}: {column}")
        if isinstance(value, str) or (value is not None and math.isfinite(value)):
            yield name, value


def _value(text: str, where: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    if "_" in text:  # a number to Python alone
        raise DataError(f"{where} {text!r}: write a number without _, or a class that is no number")
    return number


def _formula(text: str | None) -> str | None:
    amounts = classify(text).amounts if text else None
    return reduced(amounts) if amounts else None
