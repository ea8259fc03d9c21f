"""A CSV table of images: class and other columns by file."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import PurePosixPath

from comma_data.cells import values, word
from comma_data.errors import DataError
from comma_data.micrographs.frame import ImageError
from comma_data.micrographs.naming import Known

FILE_COLUMNS = ("file", "id")
"""The first of these that a table has names the image: its path, with or without ending, or its file name alone."""
_OWN = (*FILE_COLUMNS, "label", "formula", "frame", "index", "entry", "nm_per_pixel")


def read_labels(data: bytes, name: str) -> dict[str, Known]:
    """Image -> its row. Columns without a meaning of their own are targets: numbers, or else classes (`cells.values`).

    Columns with a meaning: `file` or `id`, `label`, `formula`, `frame`, `index`, `entry`, `nm_per_pixel`. An empty cell
    says nothing, and neither do `nan`, `NA` and their like (`cells.NOTHING`). White space around names of columns and
    cells is none of theirs.

    Args:
        data: CSV in UTF-8 with a header.
        name: Of the table, for messages.

    Raises:
        DataError: No such table can be made of it.
    """
    try:
        rows = _rows(data.decode("utf-8-sig"), name)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name}: no CSV table in UTF-8 ({error})") from error
    column = next((c for c in FILE_COLUMNS if rows and c in rows[0]), None)
    if column is None:
        raise DataError(f"{name}: no rows, or none of the columns {' and '.join(FILE_COLUMNS)}")
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        image = row[column] or ""
        if not image or image in found or "" in row or None in row.values():
            raise DataError(f"{name}, line {number}: an empty or repeated {column}, or cells unlike the header")
        found[image] = row
    places = [f"{name}, line {number}" for number in range(2, len(rows) + 2)]
    targets = {c: values(c, [row[c] for row in rows], places) for c in rows[0] if c not in _OWN}
    return {
        image: _known(row, place, {c: column[i] for c, column in targets.items()})
        for i, ((image, row), place) in enumerate(zip(found.items(), places, strict=True))
    }


def _rows(text: str, name: str) -> list[dict[str, str]]:
    """Cells by column; a row of too many has them under an empty name, one of too few has None."""
    table = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    columns = table.fieldnames or []
    stripped = table.fieldnames = [column.strip() for column in columns]
    if len(set(stripped)) < len(set(columns)):
        raise DataError(f"{name}: columns of one name, {', '.join(stripped)}; give each its own")
    return [{column: cell.strip() if isinstance(cell, str) else cell for column, cell in row.items()} for row in table]


@dataclass(kw_only=True)
class Rows:
    """The rows of a table, and which image each was used for."""

    rows: Mapping[str, Known] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)

    def merged(self, path: str, named: Known) -> Known:
        """What an image's row says, and what its name says of the rest.

        Raises:
            ImageError: `ambiguous-row` where the row was another image's too.
        """
        name = next((name for name in _spellings(path) if name in self.rows), None)
        if name is None:
            return named
        if self.used.setdefault(name, path) != path:
            message = f"the row {name!r} was that of {self.used[name]} too; write the paths of both into the table"
            raise ImageError("ambiguous-row", message)
        row = self.rows[name]
        return Known(
            label=row.label or named.label,
            formula=row.formula or named.formula,
            frame=row.frame or named.frame,
            index=named.index if row.index is None else row.index,
            entry=row.entry or named.entry,
            nm_per_pixel=row.nm_per_pixel,
            targets=row.targets,
        )

    def unused(self) -> list[str]:
        """Rows that belong to no image."""
        return [name for name in self.rows if name not in self.used]


def _spellings(path: str) -> Iterator[str]:
    """Names by which a table may call an image, the most exact first."""
    pure = PurePosixPath(path)
    yield from (path, str(pure.with_suffix("")), pure.name, pure.stem)


def _known(row: Mapping[str, str], where: str, targets: Mapping[str, float | str | None]) -> Known:
    index = _number(row.get("index", ""))
    scale = _number(row.get("nm_per_pixel", ""))
    if isinstance(index, str) or isinstance(scale, str) or (scale is not None and scale <= 0):
        raise DataError(f"{where}: index and nm_per_pixel have to be numbers, the latter above 0")
    return Known(
        label=word(row.get("label", "")),
        formula=word(row.get("formula", "")),
        frame=word(row.get("frame", "")),
        index=None if index is None else int(index),
        entry=word(row.get("entry", "")),
        nm_per_pixel=scale,
        targets={name: value for name, value in targets.items() if value is not None},
    )


def _number(cell: str) -> float | str | None:
    """A finite number, else the text; None where the cell says nothing."""
    try:
        number = float(cell)
    except ValueError:
        return word(cell)
    return number if isfinite(number) else word(cell)
