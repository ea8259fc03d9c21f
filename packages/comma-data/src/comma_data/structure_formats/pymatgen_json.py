"""JSON of pymatgen's `Structure.as_dict` and `Molecule.as_dict`, one, or a list or mapping of them.

Read here and not by `from_dict`, which decodes the sites' properties into objects of any class that the file names.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from comma_data.errors import StructureError
from comma_data.structure_formats.ase_json import is_database, read_rows
from comma_data.structure_formats.sites import Sites, Species, Unread, cartesian, molecule_cell, text_of

_INSIDE = ("structure", "molecule")
"""Keys of an entry that holds its structure among other things, as the Materials Project's interface returns them."""
_NAMES = ("material_id", "id")


def read_json(data: bytes) -> Iterator[Sites | Unread]:
    """The structures, named by their keys in a mapping, by `material_id` or by number, from 1; ASE databases too.

    Raises:
        StructureError: Code `not-utf-8`, `json-syntax`, `no-structure` or `ase-unreadable`.
    """
    try:
        content = json.loads(text_of(data))
    except (ValueError, RecursionError) as error:
        raise StructureError("json-syntax", f"not JSON: {error}") from error
    if is_database(content):
        yield from read_rows(content)
        return
    entries = list(_entries(content))
    if not any(isinstance(entry, Mapping) and "sites" in entry for _, entry in entries):
        raise StructureError("no-structure", "no pymatgen structure or molecule, nor a list or mapping of them")
    for name, entry in entries:
        yield _structure(name, entry)


def _entries(content: Any) -> Iterator[tuple[str, Any]]:
    """Name and dictionary of each structure."""
    if isinstance(content, list):
        pairs = [(str(i), entry) for i, entry in enumerate(content, start=1)]
    elif isinstance(content, dict) and "sites" not in content and not set(_INSIDE) & content.keys():
        pairs = list(content.items())
    else:
        pairs = [("1", content)]
    for name, entry in pairs:
        inner = next((entry[key] for key in _INSIDE if key in entry), entry) if isinstance(entry, dict) else entry
        stated = next((str(entry[key]) for key in _NAMES if key in entry), name) if inner is not entry else name
        yield stated, inner


def _structure(name: str, entry: Any) -> Sites | Unread:
    try:
        lattice, sites = entry.get("lattice"), entry["sites"]
        cell, periodic = _cell(lattice) if lattice is not None else molecule_cell()
        return Sites(
            name=name,
            species=[tuple(_species(one) for one in site["species"]) for site in sites],
            positions=_positions(sites, cell),
            cell=np.where(periodic[:, None], cell, 0.0),
            periodic=periodic,
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        message = f"entry {name} is no structure or molecule of pymatgen ({error!r})"
        return Unread(name=name, error=StructureError("bad-schema", message))


def _cell(lattice: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    flags = lattice.get("pbc", (True, True, True))
    if len(flags) != 3 or not all(isinstance(flag, bool) for flag in flags):
        raise ValueError("pbc are three booleans")
    return np.array(lattice["matrix"], dtype=float).reshape(3, 3), np.array(flags)


def _species(one: Mapping[str, Any]) -> Species:
    charge = one.get("oxidation_state")
    return str(one["element"]), None if charge is None else float(charge), float(one["occu"])


def _positions(sites: list[Mapping[str, Any]], cell: np.ndarray) -> np.ndarray:
    """Cartesian; by fractional coordinates where the sites have them, as pymatgen does."""
    if sites and all("abc" in site for site in sites):
        return cartesian(np.array([site["abc"] for site in sites], dtype=float).reshape(len(sites), 3), cell)
    return np.array([site["xyz"] for site in sites], dtype=float).reshape(len(sites), 3)
