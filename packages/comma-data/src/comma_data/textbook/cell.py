"""From a prototype, lattice constants and free coordinates to a cell with atoms."""

import re
import warnings
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

import numpy as np
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.groups import SpaceGroup

from comma_data.errors import StructureError
from comma_data.sample import RawStructure
from comma_data.textbook.models import Crystal, LatticeConstants, Prototype

LARGEST_CONVENTIONAL = 60
"""Atoms; a larger conventional cell is reduced to the primitive one."""

_CONSTANTS: Mapping[str, tuple[str, ...]] = {
    "cubic": ("a",),
    "tetragonal": ("a", "c"),
    "hexagonal": ("a", "c"),
    "trigonal": ("a", "c"),
    "orthorhombic": ("a", "b", "c"),
    "monoclinic": ("a", "b", "c", "beta"),
}
_FREE = re.compile(r"^(?P<sign>-?)(?P<multiple>\d*)(?P<letter>[xyz])(?P<offset>[+-]\d+/\d+)?$")


def conventional(crystal: Crystal, prototype: Prototype) -> Structure:
    """The conventional cell of a crystal, in the prototype's setting.

    Raises:
        StructureError: The row does not fit its prototype; the code says in what.
    """
    _check_labels(crystal, prototype)
    group = space_group(prototype)
    lattice = _lattice(crystal.lattice, group.crystal_system)
    operations = _operations(group)
    orbits = {
        label: _orbit(label, site, crystal.free.get(label, {}), operations) for label, site in prototype.sites.items()
    }
    species = [crystal.species[label] for label, orbit in orbits.items() for _ in orbit]
    return Structure(lattice, species, np.concatenate(list(orbits.values())))


def raw(structure: Structure) -> RawStructure:
    """The structure as arrays; the primitive cell where the given one has more than 60 atoms."""
    if len(structure) > LARGEST_CONVENTIONAL:
        structure = structure.get_primitive_structure()
    return RawStructure(
        numbers=np.array(structure.atomic_numbers, dtype=np.int64),
        positions=np.array(structure.cart_coords, dtype=np.float64),
        cell=np.array(structure.lattice.matrix, dtype=np.float64),
        periodic=np.ones(3, dtype=bool),
    )


def space_group(prototype: Prototype) -> SpaceGroup:
    """The group in the prototype's setting.

    Raises:
        StructureError: The setting is unknown, or belongs to a group of another number.
    """
    with warnings.catch_warnings():
        # pymatgen warns that it has no full symbol for settings such as Pbnm; their operations are right
        warnings.filterwarnings("ignore", message="Full symbol not available")
        try:
            group = SpaceGroup(prototype.setting)
        except ValueError as error:
            raise StructureError("setting-unknown", f"setting {prototype.setting!r}: {error}") from error
    if group.int_number != prototype.space_group:
        raise StructureError(
            "setting-unknown",
            f"setting {prototype.setting!r} is number {group.int_number}, the prototype says {prototype.space_group}",
        )
    return group


def coordinate(text: str, free: Mapping[str, float]) -> float:
    """One coordinate of a site, e.g. `1/4`, `0.25`, `-x`, `2x`, `x+1/2`.

    Raises:
        StructureError: The text is none of these, or its letter has no value.
    """
    match = _FREE.match(text)
    if match is None:
        try:
            return float(Fraction(text))
        except (ValueError, ZeroDivisionError) as error:
            raise StructureError(
                "coordinate-unreadable", f"coordinate {text!r}: give a number, a fraction, or a letter x, y or z"
            ) from error
    if match["letter"] not in free:
        raise StructureError("coordinate-missing", f"no value for {match['letter']}: add it under `free`")
    value = free[match["letter"]] * int(match["multiple"] or 1) * (-1 if match["sign"] else 1)
    return value + float(Fraction(match["offset"] or 0))


def _check_labels(crystal: Crystal, prototype: Prototype) -> None:
    if set(crystal.species) != set(prototype.sites):
        raise StructureError(
            "sites-differ",
            f"species given for {sorted(crystal.species)}, prototype {crystal.prototype} has {sorted(prototype.sites)}",
        )
    strange = set(crystal.free) - set(prototype.sites)
    if strange:
        raise StructureError("sites-differ", f"free coordinates given for {sorted(strange)}, which are no sites")


def _lattice(constants: LatticeConstants, system: str) -> Lattice:
    given = constants.model_dump(exclude_none=True)
    needed = _CONSTANTS.get(system)
    if needed is None or set(given) != set(needed):
        allowed = ", ".join(needed) if needed else "none: triclinic prototypes are not supported"
        raise StructureError("lattice-differs", f"{system} lattice: given {', '.join(given)}; needed {allowed}")
    a = given["a"]
    gamma = 120.0 if system in {"hexagonal", "trigonal"} else 90.0
    return Lattice.from_parameters(a, given.get("b", a), given.get("c", a), 90.0, given.get("beta", 90.0), gamma)


@cache
def _operations(group: SpaceGroup) -> np.ndarray:
    """The group's operations on fractional coordinates, (n, 4, 4)."""
    return np.array([operation.affine_matrix for operation in group.symmetry_ops])


def _orbit(label: str, site: str, free: Mapping[str, float], operations: np.ndarray) -> np.ndarray:
    """All positions of a site, (n, 3), fractions of the cell's edges."""
    wyckoff, *texts = site.split()
    if not re.fullmatch(r"\d+[a-zA-Z]", wyckoff) or len(texts) != 3:
        raise StructureError("site-unreadable", f"site {label}: {site!r}; write it as `8c 1/4 1/4 1/4`")
    unused = set(free) - {letter for text in texts for letter in text if letter in "xyz"}
    if unused:
        raise StructureError("sites-differ", f"site {label} ({site}) has no free {', '.join(sorted(unused))}")
    at = [coordinate(text, free) for text in texts]
    orbit = _images(np.array(at), operations)
    if len(orbit) != int(wyckoff[:-1]):
        raise StructureError("wyckoff-differs", f"site {label} ({site}) at {at} has {len(orbit)} positions")
    return orbit


def _images(at: np.ndarray, operations: np.ndarray) -> np.ndarray:
    """The distinct images of a position, sorted, so that their order is not that of the operations."""
    images = (operations[:, :3, :3] @ at + operations[:, :3, 3]) % 1.0
    _, first = np.unique(np.round(images, 6) % 1.0, axis=0, return_index=True)
    return images[first]
