"""The files that a build reads: where they are, whether they are there, and their hashes."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from comma_data.config import Build, Source
from comma_data.errors import ConfigError
from comma_data.folder_files import files_below
from comma_data.manifest import file_sha256
from comma_data.own_files import is_own
from comma_data.pool import Engine
from comma_data.sample import Record, Refusal

KINDS = ("structures", "recipes", "procedures", "texts", "micrographs", "diffraction")
"""Keys of `Build` that are lists of sources; each is read by the module of the same name."""
NESTED = "structures"
"""The kind that leaves out what other sources read below its path."""
TABULAR = ("structures", "texts", "micrographs")
"""Kinds that have tables, whose modules have a function `look`."""
TEXTBOOK = Path(__file__).parent / "textbook"
"""The tables of the crystals that come with the package."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One source of a build."""

    kind: str
    label: str
    """What stands in accounts: the kind, and the path where several are of this kind."""
    source: Source
    others: tuple[str, ...] = ()
    """Paths below this one's, relative to the root, that other sources of the build read."""

    @property
    def module(self) -> ModuleType:
        """What reads it; imported only now, since some bring heavy libraries."""
        return import_module(f"comma_data.sources.{self.kind}")

    @property
    def options(self) -> dict[str, Any]:
        """What this kind of source has beside what every source has."""
        return {
            name: getattr(self.source, name) for name in type(self.source).model_fields.keys() - Source.model_fields
        }

    def look(self, root: Path) -> None:
        """Look at its tables before anything is read.

        Args:
            root: Folder of the foreign data.

        Raises:
            DataError: A table is missing, or has not the columns that it needs.
        """
        if self.kind in TABULAR:
            self.module.look(root / self.source.path, **self.options, **self._apart(root))

    def read(self, root: Path, engine: Engine, matched: Counter[str]) -> Iterator[Record | Refusal]:
        """Its records.

        Args:
            root: Folder of the foreign data.
            engine: What parses.
            matched: Is told how many rows of a table beside structures belong to one.

        Raises:
            DataError: The path cannot be read.
        """
        options = self.options | self._apart(root)
        if self.kind == NESTED:
            options["matched"] = matched
        return self.module.read(root / self.source.path, engine=engine, **options)

    def _apart(self, root: Path) -> dict[str, Any]:
        """What it leaves to other sources."""
        return {"but": [root / other for other in self.others]} if self.kind == NESTED else {}


def tables(build: Build) -> list[Table]:
    """Every source of a build, in the order in which they are read."""
    sources = [(kind, source) for kind in KINDS for source in getattr(build, kind)]
    return [
        Table(
            kind=kind,
            label=kind if len(getattr(build, kind)) == 1 else f"{kind} {source.path}",
            source=source,
            others=tuple(other.path for _, other in sources if kind == NESTED and _inside(other.path, source.path)),
        )
        for kind, source in sources
    ]


def _inside(path: str, outer: str) -> bool:
    return PurePosixPath(path) != PurePosixPath(outer) and PurePosixPath(path).is_relative_to(PurePosixPath(outer))


def below(root: Path | None, table: Table, name: str) -> Path | None:
    """The root, where the source holds something below it; None where it holds nothing and is optional.

    Raises:
        ConfigError: The root, or a path below it, is missing or empty.
    """
    if root is None:
        raise ConfigError(f"build {name} reads foreign data: give its folder with --root, or in COMMA_DATA")
    if not root.is_dir():
        raise ConfigError(f"root {root}: no such folder; give another --root, or set COMMA_DATA")
    path = root / table.source.path
    if files(root, table):
        return root
    if table.source.optional:
        return None
    if not path.exists():
        raise ConfigError(
            f"build {name}: {path}: no such file or folder; check --root (or COMMA_DATA), or {table.kind}.path"
        )
    raise ConfigError(
        f"build {name}: no {table.kind} in {path}; check --root (or COMMA_DATA), or {table.kind}.path in the build"
    )


def files(root: Path, table: Table) -> list[Path]:
    """What a source may read; not what builds have written, as the data set of this one may lie below the root."""
    path = root / table.source.path
    found = [f for f in files_below(path) if not is_own(f)] if path.is_dir() else [path]
    others = [root / other for other in table.others]
    reads, options = table.module.reads, table.options
    return [f for f in found if f.is_file() and reads(f, **options) and not any(map(f.is_relative_to, others))]


def hashes(build: Build, root: Path | None) -> dict[str, str]:
    """File that the build reads, relative to the root -> its sha256.

    Raises:
        ConfigError: The root, or a path below it, is missing or empty.
    """
    embedded = sorted(TEXTBOOK.rglob("*.toml")) if build.textbook else []
    found = {_named(path, TEXTBOOK.parent): file_sha256(path) for path in embedded}
    for table in tables(build):
        folder = below(root, table, build.name)
        if folder is not None:
            found |= {_named(file, folder): file_sha256(file) for file in files(folder, table)}
    for name in filter(None, (build.pairs, build.split.table)):
        path = (root or Path()) / name
        if not path.is_file():
            raise ConfigError(f"build {build.name}: {path}: no such file")
        found[name] = file_sha256(path)
    return found


def _named(file: Path, folder: Path) -> str:
    """Where a file is below a folder; bytes that are no UTF-8 as their codes, which JSON gives back as they went in."""
    return os.fsencode(file.relative_to(folder)).decode("utf-8", "backslashreplace")
