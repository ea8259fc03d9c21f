"""`comma-data export`: a data set -> a folder that `datasets`, pandas and Croissant readers take."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from comma_data.errors import ConfigError, StorageError
from comma_data.export.card import Card, Part
from comma_data.export.columns import Column, Names, columns, names
from comma_data.export.croissant import croissant
from comma_data.export.parquet import pyarrow, write
from comma_data.export.plan import FILE_BYTES, File, held_out, plan, raw_bytes
from comma_data.export.rows import Row, row
from comma_data.manifest import file_sha256
from comma_data.shards import ShardSet
from comma_data.split import Split, without_leaks
from comma_data.storage import complete_file, with_name_of_its_own

UNKNOWN = "unknown"
"""The licence, where none is given."""

Progress = Callable[[str, int], None]
"""Called with what is being done and how many samples that makes."""


def _silent(_what: str, _done: int) -> None:
    """Progress that goes nowhere."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written."""

    out: Path
    files: tuple[str, ...]
    """Below `out`."""
    parts: tuple[Part, ...]


def export(  # noqa: PLR0913 - one option each
    data: Path | str,
    out: Path,
    *,
    test_fold: int = 0,
    licence: str = UNKNOWN,
    file_bytes: int = FILE_BYTES,
    progress: Progress = _silent,
) -> Exported:
    """Write a data set as Parquet with a data card and Croissant metadata.

    One sample is one row; test is one fold, validation the next, train the rest, each cleaned of the texts that a later
    part tells. Memory holds one row group; the same data set gives the same bytes under one version of pyarrow. `out`
    is there complete, or not at all.

    Args:
        data: A data set: its folder or address.
        out: Folder to write; it must not exist, or be empty.
        test_fold: 0 to 4.
        licence: Identifier of a licence, as Hugging Face lists them, for the card.
        file_bytes: Raw bytes of the samples in one Parquet file.
        progress: Is told how far it is.

    Raises:
        ConfigError: `out` holds something or has no name, or there is no such fold.
        MissingPackageError: pyarrow is not installed.
        ShardError: The data set is damaged.
        DataError: A sample holds what the table cannot.
        StorageError: The disk does not take a file.
    """
    pyarrow()
    out = with_name_of_its_own(out)
    source = ShardSet(data)
    split = Split(test_fold=test_fold)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not empty: give a folder that does not exist yet")
    found = names(source.stream(modalities=frozenset()))
    table = _Table(source=source, names=found, columns=columns(found, source.manifest.modalities), progress=progress)
    unfinished = out.with_name(f".{out.name}.unfinished")
    _renewed(unfinished / "data")
    shut_out = held_out(source.rows, split)
    planned = plan(source.rows, split, file_bytes=file_bytes)
    written = [table.write(file, shut_out[file.part], unfinished / "data") for file in planned]
    parts = tuple(_part(name, list(of)) for name, of in groupby(written, key=lambda w: w.file.part))
    files = {f"data/{w.file.name}": (w.bytes, w.sha256) for w in written}
    card = Card(manifest=source.manifest, columns=table.columns, parts=parts, test_fold=test_fold, licence=licence)
    _describe(card, files, unfinished)
    _rename(unfinished, out)
    return Exported(out=out, files=(*files, "README.md", "croissant.json"), parts=parts)


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A Parquet file as it was written."""

    file: File
    bytes: int
    memory: int
    removed: int
    sha256: str


@dataclass(kw_only=True)
class _Table:
    """What stays the same for every file, and what was counted so far."""

    source: ShardSet
    names: Names
    columns: tuple[Column, ...]
    progress: Progress
    rows: int = 0
    removed: int = 0

    def write(self, file: File, shut_out: frozenset[str], folder: Path) -> _Written:
        """Write one file."""
        path = folder / file.name
        removed = self.removed
        memory = write(self._rows(file, shut_out), path, self.columns)
        size, digest = path.stat().st_size, file_sha256(path)
        return _Written(file=file, bytes=size, memory=memory, removed=self.removed - removed, sha256=digest)

    def _rows(self, file: File, shut_out: frozenset[str]) -> Iterator[tuple[Row, int]]:
        """The rows of a file, each with the raw bytes of its sample."""
        for position in file.positions:
            sample, removed = without_leaks(self.source[position], shut_out)
            self.removed += removed.total
            self.rows += 1
            self.progress("written", self.rows)
            yield row(sample, self.names), raw_bytes(self.source.rows[position])


def _part(name: str, written: Sequence[_Written]) -> Part:
    return Part(
        name=name,
        samples=sum(len(w.file.positions) for w in written),
        bytes=sum(w.bytes for w in written),
        memory=sum(w.memory for w in written),
        removed=sum(w.removed for w in written),
    )


def _describe(card: Card, files: Mapping[str, tuple[int, str]], folder: Path) -> None:
    document = partial(croissant, name=card.manifest.name, version="1.0.0", licence=card.licence, about=card.about())
    texts = {
        "README.md": card.text(),
        "croissant.json": json.dumps(document(columns=card.columns, files=files), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        with complete_file(folder / name) as file:
            file.write(text.encode())


def _renewed(folder: Path) -> None:
    """The folder, empty; what an interrupted export left is removed."""
    try:
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error


def _rename(unfinished: Path, out: Path) -> None:
    try:
        unfinished.rename(out)
    except OSError as error:
        raise StorageError(f"{out}: cannot be made ({error.strerror}); the files are in {unfinished}") from error
