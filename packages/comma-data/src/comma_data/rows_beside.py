"""Which row of which `properties.csv` a structure has: the nearest table above its file that has a row of its name."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from comma_data.archive import is_archive, members
from comma_data.errors import ConfigError
from comma_data.folder_files import files_below
from comma_data.own_files import is_own
from comma_data.properties import FILE, SOURCE, Properties, parse_properties, read_properties
from comma_data.sample import Refusal

LARGEST = 256_000_000
"""Bytes of a table inside an archive."""


class Rows:
    """The rows of all tables below a path, and whose they turned out to be."""

    def __init__(self, path: Path, tables: Mapping[PurePosixPath, Mapping[str, Properties]]) -> None:
        """Rows that belong to nobody yet.

        Args:
            path: Folder or archive.
            tables: Folder or archive below it -> its rows by their name.
        """
        self._path = path
        self._tables = tables
        self._owners: dict[tuple[PurePosixPath, str], set[str]] = defaultdict(set)

    @classmethod
    def below(
        cls, path: Path, targets: Mapping[str, str] | None, but: Collection[Path] = (), *, inside: bool = True
    ) -> "Rows":
        """Read the tables of a folder and of the folders in it, and the first one of each archive.

        Args:
            path: Folder, archive or file.
            targets: Column -> name of the target; None takes every column.
            but: Folders and files below the path that are left out.
            inside: Look into the archives of a folder too, which takes as long as reading them.

        Raises:
            ConfigError: Targets are asked for, and there is no table.
            DataError: A table cannot be read.
        """
        files = _files(path, but)
        tables = {place: table for file in files for place, table in _tables(path, file, targets, inside=inside)}
        closed = not inside and any(is_archive(file.name) for file in files)
        if targets and not tables and path.exists() and not closed:
            asked = ", ".join(targets)
            raise ConfigError(
                f"structures.targets: {asked}: columns of {FILE}, and {path} has none; properties inside of structure "
                "files are not read"
            )
        return cls(path, tables)

    def of(self, structure: str, file: str, names: Sequence[str]) -> Properties | None:
        """The row of a structure, None where it has none.

        Args:
            structure: Its key.
            file: Its file, relative to the path; of one in an archive the archive and the path inside.
            names: What a row may call it, the surest first.
        """
        for folder in PurePosixPath(file).parents:
            for name in names:
                row = self._tables.get(folder, {}).get(name)
                if row is not None:
                    self._owners[folder, name].add(structure)
                    return row
        return None

    def matched(self) -> int:
        """How many rows belong to one structure."""
        return sum(len(owners) == 1 for owners in self._owners.values())

    def refusals(self) -> Iterator[Refusal]:
        """The rows that belong to no structure, or to several of different keys."""
        for folder, table in self._tables.items():
            place = f"{self._path / folder if self._path.is_dir() else self._path}, {FILE}"
            for name in table:
                owners = sorted(self._owners.get((folder, name), ()))
                if not owners:
                    message = f"{place}: no structure of the name {name}; add its file or remove the row"
                    yield Refusal(source=SOURCE, key=name, code="no-structure", message=message)
                elif len(owners) > 1:
                    message = f"{place}: {name} is the name of {', '.join(owners[:3])}, and all took the row; write "
                    message += "one row for each, under the name given here"
                    yield Refusal(source=SOURCE, key=name, code="several-structures", message=message)


def _files(path: Path, but: Collection[Path]) -> list[Path]:
    """Tables and archives, which may hold tables."""
    found = files_below(path) if path.is_dir() else [path]
    others = (file for file in found if not is_own(file) and not any(map(file.is_relative_to, but)))
    return [file for file in others if file.is_file() and (file.name == FILE or is_archive(file.name))]


def _tables(
    path: Path, file: Path, targets: Mapping[str, str] | None, *, inside: bool
) -> Iterator[tuple[PurePosixPath, dict[str, Properties]]]:
    """What a file holds: where it is valid, and its rows."""
    place = PurePosixPath(file.relative_to(path).as_posix())
    if is_archive(file.name):
        for member in members(file, (FILE,), SOURCE, largest=LARGEST) if inside else ():
            if not isinstance(member, Refusal) and PurePosixPath(member[0]).name == FILE:
                yield place, parse_properties(f"{file}, {member[0]}", member[1], targets)
                return
    elif path.is_dir():
        yield place.parent, read_properties(file, targets)
