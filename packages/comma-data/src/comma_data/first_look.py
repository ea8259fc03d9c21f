"""What a build names, looked at before anything is read: paths, the heads of tables. All faults come at once."""

from collections.abc import Iterator
from pathlib import Path

from comma_data.config import Build
from comma_data.errors import ConfigError, DataError
from comma_data.inputs import below, tables
from comma_data.two_columns import two_columns


def look(build: Build, root: Path | None) -> None:
    """Check that the sources are there and that their tables have the columns; what lies in archives is read later.

    Args:
        build: What will be built.
        root: Folder of the foreign data.

    Raises:
        ConfigError: A source, path, table or column is missing; several faults stand on a line each.
        DataError: The one fault is that a table of data cannot be read.
    """
    if not build.textbook and not tables(build):
        raise ConfigError(
            f"build {build.name}: no source is named; add a section such as [structures] or [texts], or textbook = true"
        )
    faults = {str(fault): fault for fault in _faults(build, root)}  # a root that is missing is missing for each
    if len(faults) == 1:
        raise next(iter(faults.values()))
    if faults:
        prefix = f"build {build.name}: "
        raise ConfigError("\n  ".join([f"{prefix}{len(faults)} faults:", *(f.removeprefix(prefix) for f in faults)]))


def _faults(build: Build, root: Path | None) -> Iterator[DataError]:
    for table in tables(build):
        try:
            folder = below(root, table, build.name)
            if folder is not None:
                table.look(folder)
        except DataError as error:
            yield error
    named = ((build.pairs, ("structure", "other"), "pairs"), (build.split.table, ("id", "group"), "split.table"))
    for name, columns, option in named:
        try:
            if name is not None:
                two_columns((root or Path()) / name, *columns, option=option)
        except ConfigError as error:
            yield error
