"""The structure formats: which file is of which, and what bounds its reading."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from comma_data.cif import parse_cif
from comma_data.structure_formats.ase_database import read_database
from comma_data.structure_formats.molfile import read_molfile
from comma_data.structure_formats.poscar import read_poscar
from comma_data.structure_formats.pymatgen_json import read_json
from comma_data.structure_formats.sites import Reader
from comma_data.structure_formats.xyz import read_xyz
from comma_data.wanted import LARGEST_FILE

LARGEST_COLLECTION = 64_000_000
"""Bytes of a file that may hold many structures."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format."""

    name: str
    """For provenance."""
    read: Reader
    endings: tuple[str, ...]
    """Of file names, in lower case."""
    prefixes: tuple[str, ...] = ()
    """Of file names, in lower case."""
    largest: int = LARGEST_FILE
    """Bytes of a file."""
    seconds: float = 5.0
    """That a file may take."""


FORMATS = (
    Format(name="cif", read=parse_cif, endings=(".cif", ".mcif")),
    Format(name="poscar", read=read_poscar, endings=(".vasp", ".poscar"), prefixes=("poscar", "contcar")),
    Format(name="json", read=read_json, endings=(".json",), largest=LARGEST_COLLECTION, seconds=60.0),
    Format(name="xyz", read=read_xyz, endings=(".xyz", ".extxyz"), largest=LARGEST_COLLECTION, seconds=60.0),
    Format(name="sdf", read=read_molfile, endings=(".sdf", ".mol"), largest=LARGEST_COLLECTION, seconds=60.0),
    Format(name="ase-db", read=read_database, endings=(".db",), largest=LARGEST_COLLECTION, seconds=60.0),
)
ENDINGS = tuple(ending for one in FORMATS for ending in one.endings)
PREFIXES = tuple(prefix for one in FORMATS for prefix in one.prefixes)


def format_of(name: str) -> Format | None:
    """The format of a file, by its ending before its beginning; None where it has none of them."""
    base = PurePosixPath(name).name.lower()
    by_ending = (one for one in FORMATS if base.endswith(one.endings))
    by_prefix = (one for one in FORMATS if base.startswith(one.prefixes))
    return next(by_ending, None) or next(by_prefix, None)
