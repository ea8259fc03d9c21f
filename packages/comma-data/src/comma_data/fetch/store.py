"""The folder that a fetch fills: pages, and a journal that says how far it is. Killed anywhere, it goes on from there.

While it is filled the folder is called `NAME.fetching`; it takes its name when everything is there.
"""

import csv
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from comma_data.errors import ConfigError, DataError
from comma_data.fetch.errors import FetchError
from comma_data.fetch.page import REPEATED, Cell, Entry, Page
from comma_data.properties import FILE, FORMULA, ID
from comma_data.sample import Refusal
from comma_data.storage import PART, complete_file

JOURNAL = "fetch.journal"
"""JSON under a name that no reader of structures takes for one."""
REFUSED = "refused.csv"
_ROWS = "rows.jsonl"
FETCHING = ".fetching"


class StoredPage(BaseModel):
    """One answer on disk: a tar of `KEY.json`, and the rows of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    stored: int
    refused: int


class Journal(BaseModel):
    """Where the folder's content comes from, and how much of it there is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    query: dict[str, Any]
    facts: dict[str, str]
    started: str
    """Day of the first request, UTC."""
    announced: int | None = None
    pages: tuple[StoredPage, ...] = ()
    next: str | None = None
    complete: bool = False

    @property
    def stored(self) -> int:
        """Structures on disk."""
        return sum(page.stored for page in self.pages)

    @property
    def refused(self) -> int:
        """Records that were left out."""
        return sum(page.refused for page in self.pages)


def read_journal(folder: Path, query: dict[str, Any]) -> Journal | None:
    """How far the folder is; None where it has no journal.

    Raises:
        ConfigError: It answers another query.
        DataError: The journal cannot be read.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return None
    try:
        journal = Journal.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: damaged ({error.error_count()} faults); remove {folder} and fetch again") from error
    differing = sorted(key for key in query.keys() | journal.query.keys() if query.get(key) != journal.query.get(key))
    if differing:
        raise ConfigError(
            f"{folder}: holds the answer to another query (other {', '.join(differing)}); choose a folder"
        )
    return journal


def resume(folder: Path, journal: Journal) -> frozenset[str]:
    """The keys that are on disk, after the rest of a write that was cut short is cleared away.

    Raises:
        DataError: A page is not as it was written.
    """
    for rest in folder.glob(f"*{PART}"):
        rest.unlink()
    return frozenset(str(row["key"]) for row in _rows(folder, journal))


def add_page(folder: Path, journal: Journal, page: Page) -> Journal:
    """Store a page, then say so in the journal.

    Raises:
        StorageError: The disk does not take it.
    """
    announced = journal.announced if page.announced is None else page.announced
    changed = {"next": page.next, "announced": announced, "complete": page.next is None}
    if not page.items:
        return write_journal(folder, journal.model_copy(update=changed))
    data = _pack(page)
    entries = sum(isinstance(item, Entry) for item in page.items)
    stored = StoredPage(
        file=f"structures-{len(journal.pages) + 1:05d}.tar",
        sha256=hashlib.sha256(data).hexdigest(),
        stored=entries,
        refused=len(page.items) - entries,
    )
    with complete_file(folder / stored.file) as file:
        file.write(data)
    return write_journal(folder, journal.model_copy(update={**changed, "pages": (*journal.pages, stored)}))


def write_journal(folder: Path, journal: Journal) -> Journal:
    """Replace the journal in one step.

    Raises:
        StorageError: The disk does not take it.
    """
    with complete_file(folder / JOURNAL) as file:
        file.write(journal.model_dump_json(indent=1).encode() + b"\n")
    return journal


def publish(folder: Path, out: Path, journal: Journal) -> None:
    """Write the tables, then give the folder its name.

    Raises:
        StorageError: The disk does not take a table.
        DataError: A page is not as it was written.
        FetchError: Less was delivered than was announced.
    """
    columns = (ID, FORMULA, "nsites", *journal.query["fields"])
    rows = list(_rows(folder, journal))
    _check_complete(folder, journal, rows)
    accepted = [
        [row["key"], *(_text(row["row"].get(column)) for column in columns[1:])] for row in rows if "row" in row
    ]
    refused = [[row["key"], row["code"], row["message"]] for row in rows if "row" not in row]
    _write_table(folder / FILE, columns, accepted)
    if refused:
        _write_table(folder / REFUSED, ("key", "code", "message"), refused)
    if out.is_dir():
        out.rmdir()  # an empty one
    folder.replace(out)


def _check_complete(folder: Path, journal: Journal, rows: Sequence[Mapping[str, Any]]) -> None:
    url = journal.query["url"]
    codes = Counter(str(row.get("code", "")) for row in rows)
    delivered = len(rows) - codes[REPEATED]
    if journal.query["limit"] is None and journal.announced is not None and delivered < journal.announced:
        raise FetchError(
            "incomplete",
            f"{url}: {journal.announced} records announced, {delivered} delivered: the collection changed while it was"
            f" read; remove {folder} and fetch again",
        )
    if not codes[""]:
        said = ", ".join(f"{number} {code}" for code, number in sorted(codes.items()) if code) or "no record"
        raise DataError(f"{url}: nothing to store ({said}); remove {folder} and ask for something else")


def journal_text(journal: Journal, *, as_json: bool = False) -> str:
    """What a folder holds and where it comes from, in words or as JSON."""
    if as_json:
        return journal.model_dump_json()
    counted = f"{journal.stored:,} structures stored, {journal.refused:,} records refused"
    return "\n".join([counted, *(f"{name}: {value}" for name, value in journal.facts.items())])


def _pack(page: Page) -> bytes:
    """A tar without times and owners: the same page gives the same bytes."""
    rows = [_row(item) for item in page.items]
    members = [(_ROWS, "".join(json.dumps(row) + "\n" for row in rows))]
    entries = (item for item in page.items if isinstance(item, Entry))
    members += [(f"{entry.key}.json", json.dumps(entry.structure, sort_keys=True)) for entry in entries]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _row(item: Entry | Refusal) -> dict[str, Any]:
    if isinstance(item, Entry):
        return {"key": item.key, "row": dict(item.row)}
    return {"key": item.key, "code": item.code, "message": item.message}


def _rows(folder: Path, journal: Journal) -> Iterator[dict[str, Any]]:
    for page in journal.pages:
        path = folder / page.file
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != page.sha256:
            raise DataError(f"{path}: missing or not as it was written; remove {folder} and fetch again")
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            member = tar.extractfile(_ROWS)
            yield from (json.loads(line) for line in (member or ()))


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with complete_file(path) as file:
        file.write(text.getvalue().encode())


def _text(value: Cell) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
