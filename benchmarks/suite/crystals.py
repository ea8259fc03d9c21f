"""The crystals that everything is measured on, as CIF text."""

import os
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from comma_data.cif import read_cif
from comma_data.sample import RawStructure, Record
from comma_data.sources import textbook
from pymatgen.core import Structure

Item = TypeVar("Item")

COUNT = 200
"""Crystals of a collection."""


@dataclass(frozen=True, kw_only=True)
class Crystals:
    """A collection of crystals."""

    name: str
    cifs: Mapping[str, str]
    """File name without ending -> CIF text."""

    def write(self, folder: Path) -> None:
        """One `.cif` file each."""
        folder.mkdir()
        for key, text in self.cifs.items():
            (folder / f"{key}.cif").write_text(text, encoding="utf-8")

    def structures(self, count: int) -> list[RawStructure]:
        """`count` of them, evenly spaced."""
        return [next(read_cif(text)).structure for text in spaced(list(self.cifs.values()), count)]


def collections() -> Iterator[Crystals]:
    """The textbook crystals, and those of the Materials Project where COMMA_DATA names a folder that holds them."""
    records = [r for r in textbook.read() if isinstance(r, Record) and r.modality == "structure"]
    yield Crystals(name="textbook", cifs={r.key: _cif(r.value) for r in spaced(records, COUNT)})
    root = os.environ.get("COMMA_DATA")
    archives = sorted(Path(root, "materials-project").glob("structures-*.tar.gz")) if root else []
    if archives:
        yield Crystals(name="materials-project", cifs=dict(spaced(list(_archived(archives)), COUNT)))
    else:
        print("no materials-project/ below COMMA_DATA: measured on textbook crystals alone", file=sys.stderr)


def spaced(items: Sequence[Item], count: int) -> list[Item]:
    """`count` items, evenly spaced, or all where there are fewer."""
    if len(items) <= count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


def _cif(value: RawStructure) -> str:
    structure = Structure(value["cell"], value["numbers"], value["positions"], coords_are_cartesian=True)
    return str(structure.to(fmt="cif"))


def _archived(archives: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for path in archives:
        with tarfile.open(path, mode="r|gz") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith(".cif") else None
                if file is not None:
                    yield Path(member.name).stem, file.read().decode()
