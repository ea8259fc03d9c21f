"""Databases of ASE in SQLite (`.db`), read by ASE, which is an extra."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from comma_data.errors import StructureError
from comma_data.pool import TooSlowError
from comma_data.structure_formats.ase_json import structure
from comma_data.structure_formats.sites import Sites, Unread

_SQLITE = b"SQLite format 3\x00"
_COLUMNS = ["id", "numbers", "positions", "cell", "pbc"]
"""Only these are decoded; the others may hold JSON that asks for arrays of any size."""


def read_database(data: bytes) -> Iterator[Sites | Unread]:
    """The rows of an SQLite database, named by their ids.

    Raises:
        StructureError: Code `needs-ase`, or `ase-unreadable` where the file is no such database.
    """
    if not data.startswith(_SQLITE):
        raise StructureError("ase-unreadable", "not an SQLite file; give a database that ASE wrote")
    try:
        from ase.db import connect  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise StructureError("needs-ase", 'a database of ASE: pip install "comma-data[ase]"') from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "database.db"
        path.write_bytes(data)
        try:
            for row in connect(str(path), type="db", use_lock_file=False).select(columns=_COLUMNS, include_data=False):
                yield structure(str(row.id), {name: row.get(name) for name in _COLUMNS})
        except TooSlowError:
            raise
        except Exception as error:  # damaged databases make SQLite, numpy and ASE raise nearly any type
            raise StructureError("ase-unreadable", f"ASE cannot read it ({error!r})") from error
