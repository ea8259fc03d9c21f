"""A table of properties beside a folder of structures: `properties.csv`."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """Number, or class name; an empty cell is absent."""


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
    """Material id -> its row.

    Args:
        path: For messages.
        data: A CSV file with a column `material_id`; `formula_pretty` is compared with the structure, every other
            column is a target.
        names: Column -> name of the target, for the columns that are wanted; None takes all under their own names.

    Raises:
        DataError: A column is missing, a line is malformed, or an id comes twice.
    """
    try:
        with io.StringIO(data.decode("utf-8-sig"), newline="") as file:
            return _table(path, csv.DictReader(file, strict=True), names)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {error}; save it as CSV in UTF-8") from error


def _table(path: str, rows: "csv.DictReader[str]", names: Mapping[str, str] | None) -> dict[str, Properties]:
    columns = rows.fieldnames or []
    wanted = dict(names) if names is not None else {c: c for c in columns if c not in NOT_TARGETS}
    missing = [column for column in (ID, *wanted) if column not in columns]
    if missing:
        hint = f"; {ID} is the column of the structures' names, as their files are called" if ID in missing else ""
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(columns) or 'none'}{hint}")
    table: dict[str, Properties] = {}
    for row in rows:
        key = row[ID]
        if key in table or None in row or None in row.values():
            what = f"{ID} {key!r} comes twice" if key in table else f"not {len(columns)} cells"
            raise DataError(f"{path}, line {rows.line_num}: {what}; correct the table")
        table[key] = Properties(formula=_formula(row.get(FORMULA)), targets=dict(_targets(row, wanted)))
    return table


def _targets(row: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[tuple[str, float | str]]:
    for column, name in wanted.items():
        text = row[column].strip()
        try:
            value: float | str = float(text)
        except ValueError:
            value = text
        if value != "" and not (isinstance(value, float) and not math.isfinite(value)):
            yield name, value


def _formula(text: str | None) -> str | None:
    amounts = classify(text).amounts if text else None
    return reduced(amounts) if amounts else None
