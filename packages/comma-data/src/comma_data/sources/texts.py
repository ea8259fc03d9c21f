"""A user's own protocols: CSV tables with a column `id` and a column `text`."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from comma_data.archive import ARCHIVES, members
from comma_data.errors import DataError
from comma_data.folder_files import files_below
from comma_data.formulas import classify, reduced
from comma_data.pool import Engine, Serial, TooSlowError, time_limit
from comma_data.sample import Record, Refusal
from comma_data.sentences import sentences
from comma_data.text_files import LONGEST_TEXT, TextError, cleaned
from comma_data.wanted import Member, Wanted

SOURCE = "texts"
LONGEST = 5.0
"""Seconds that one row may take."""
LARGEST = 256 * 2**20
"""Bytes of one table."""
KNOWN = ("formula", "doi", "entry")
"""Columns that are read where they are there: the target's formula, the DOI of the text, and the key of the structure
that it belongs to."""

Row = tuple[str, Mapping[str, str]]
"""(key for messages, cells by column)."""


def read(
    path: Path,
    *,
    origin: str = "literature",
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> Iterator[Record | Refusal]:
    """One text per row, in the order of the table; the key is the row's `id`.

    A row that is no row is refused with `bad-row` (too few or too many cells, a quote that does not close), any other
    with `no-id`, `not-utf-8`, `text-too-long`, `bad-text`, `empty-text`, `too-costly`, `parser-died`, or with
    `formula-variable`, `formula-composite` or `formula-unparsable` where it states a formula that is none.

    Args:
        path: A CSV file in UTF-8, or a folder or archive of such.
        origin: Where these texts come from, for their provenance.
        engine: What works on the rows.

    Raises:
        DataError: The path does not exist, holds no table, a table has no column `id` or `text`, or one twice.
    """
    tables = 0
    for item in members(path, (".csv",), SOURCE, largest=LARGEST):
        tables += 1
        if isinstance(item, Refusal):
            yield item
        else:
            yield from engine.map(partial(_parse, origin=origin), _rows(item), on_death=_died)
    if not tables:
        raise DataError(f"{path}: no .csv table here; give one with columns id and text")


def look(path: Path, **_: object) -> None:
    """Read the heads of the tables, where they lie in a folder.

    Raises:
        DataError: A table has no column `id` or `text`, or one twice.
    """
    for file in files_below(path) if path.is_dir() else [path]:
        if file.is_file() and file.suffix.lower() == ".csv" and reads(file):
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                _columns(str(file), next(_cells(csv.reader(lines, strict=True)), []))


def reads(file: Path, **_: object) -> bool:
    """Whether a file of this name is read where it stands in the source's folder."""
    return Wanted(source=SOURCE, endings=(".csv", *ARCHIVES)).matches(file.name)


def _rows(table: Member) -> Iterator[Row | Refusal]:
    """The rows of a table; bytes that are no UTF-8 stand in their cells as lone surrogates."""
    name, data = table
    csv.field_size_limit(10 * LONGEST_TEXT)
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(lines, strict=True)
    columns = _columns(name, next(_cells(rows), []))
    for cells in _cells(rows):
        key = f"{name} line {rows.line_num}"
        if isinstance(cells, str) or len(cells) != len(columns):
            what = cells if isinstance(cells, str) else f"{len(cells)} cells instead of {len(columns)}"
            yield Refusal(source=SOURCE, key=key, code="bad-row", message=f"{key}: {what}; correct the row")
        elif any(cells):
            yield key, dict(zip(columns, cells, strict=True))


def _cells(rows: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """Cells of each row that has any, or what is wrong with it; reading goes on with the next line."""
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield str(error)
        else:
            if cells:
                yield cells


def _columns(name: str, head: list[str] | str) -> list[str]:
    columns = [] if isinstance(head, str) else [column.strip().casefold() for column in head]
    wrong = [c for c in ("id", "text", *KNOWN) if columns.count(c) > 1 or (c in {"id", "text"} and c not in columns)]
    if wrong:
        there = ", ".join(columns)[:200].encode("ascii", "backslashreplace").decode() or "none"
        raise DataError(f"{name}: a table of texts has one column {wrong[0]}; this one has the columns {there}")
    return columns


def _parse(row: Row | Refusal, *, origin: str) -> Record | Refusal:
    if isinstance(row, Refusal):
        return row
    where, cells = row
    key = cells["id"].strip()
    refused = partial(Refusal, source=SOURCE, key=key if key.isprintable() and key else where)
    try:
        with time_limit(LONGEST):
            return _record(key, cells, origin)
    except TextError as error:
        return refused(code=error.code, message=f"{where}: {error}")
    except (TooSlowError, MemoryError, RecursionError) as error:
        return refused(code="too-costly", message=f"{where}: reading {error}")


def _record(key: str, cells: Mapping[str, str], origin: str) -> Record:
    if any("\udc80" <= character <= "\udcff" for cell in cells.values() for character in cell):
        raise TextError("not-utf-8", "not in UTF-8; save the table as UTF-8")
    if not key or not key.isprintable():
        raise TextError("no-id", "the row has no printable id; give it one")
    steps = sentences(cleaned(cells["text"]))
    said = {name: cleaned(cells[name]).strip() for name in KNOWN if cells.get(name, "").strip()}
    return Record(
        source=SOURCE,
        key=key,
        modality="text",
        value=steps,
        formula=_formula(said.pop("formula", "")),
        provenance={
            "origin": origin,
            "recipe": key,
            "doi": "",
            "paragraph": hashlib.sha256("\n".join(steps).encode()).hexdigest()[:16],
            "text": "full",
            **said,
        },
    )


def _formula(text: str) -> str | None:
    """The reduced formula of a cell; None for an empty one."""
    if not text:
        return None
    formula = classify(text)
    if not formula.amounts:
        message = f"formula {text[:80]!r} has no fixed amounts; correct it, or leave the cell empty"
        raise TextError(f"formula-{formula.kind}", message)
    return reduced(formula.amounts)


def _died(row: Row | Refusal) -> Record | Refusal:
    key = row.key if isinstance(row, Refusal) else row[0]
    return Refusal(source=SOURCE, key=key, code="parser-died", message=f"{key}: the process that read it died")
