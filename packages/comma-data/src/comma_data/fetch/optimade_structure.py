"""A structure of OPTIMADE as a document of pymatgen, which the source `structures` reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from comma_data.errors import StructureError

ATTRIBUTES = (
    "nsites",
    "lattice_vectors",
    "cartesian_site_positions",
    "species",
    "species_at_sites",
    "dimension_types",
    "structure_features",
)
"""What has to be asked for."""

_NOT_EXPLICIT = frozenset({"assemblies", "implicit_atoms", "site_attachments", "unknown_positions"})
"""Features that say that the list of sites does not tell which atoms are where."""


def to_pymatgen(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """`Structure.as_dict`, or `Molecule.as_dict` where no direction is periodic. Partial occupancies are kept.

    Args:
        attributes: Of an entry of the type `structures`: lattice vectors (3, 3) Å with null rows where not periodic,
            positions (n, 3) Å.

    Raises:
        StructureError: Code `not-explicit`, `no-atoms`, `wrong-shape`, `cell-too-flat` or `unknown-element`.
    """
    features = attributes.get("structure_features") or []
    if not isinstance(features, list):
        raise StructureError("wrong-shape", "structure_features: no list")
    vague = sorted(_NOT_EXPLICIT & {str(feature) for feature in features})
    if vague:
        raise StructureError("not-explicit", f"{', '.join(vague)}: the sites do not tell which atoms are where")
    names = _sequence(attributes, "species_at_sites")
    positions = _numbers(attributes.get("cartesian_site_positions"), (len(names), 3), "cartesian_site_positions")
    periodic = _periodic(attributes)
    occupants = _occupants(_sequence(attributes, "species"))
    missing = sorted({str(name) for name in names} - occupants.keys())
    if missing:
        raise StructureError("wrong-shape", f"species_at_sites names {', '.join(missing)}, species does not")
    sites = [(occupants[str(n)], p) for n, p in zip(names, positions, strict=True) if occupants[str(n)]]
    if not sites:
        raise StructureError("no-atoms", "the structure has no atoms")
    if not any(periodic):
        return {"@module": "pymatgen.core.structure", "@class": "Molecule", "charge": 0.0, "sites": _sites(sites, None)}
    cell = _cell(attributes.get("lattice_vectors"), periodic)
    lattice = {"matrix": cell.tolist(), "pbc": periodic}
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "lattice": lattice,
        "sites": _sites(sites, cell),
    }


def _sites(sites: Sequence[tuple[list[dict[str, Any]], np.ndarray]], cell: np.ndarray | None) -> list[dict[str, Any]]:
    """Sites of pymatgen; fractional coordinates too where there is a cell."""
    inverse = None if cell is None else np.linalg.inv(cell)
    return [
        {
            "species": species,
            "xyz": position.tolist(),
            **({} if inverse is None else {"abc": (position @ inverse).tolist()}),
            "label": species[0]["element"],
            "properties": {},
        }
        for species, position in sites
    ]


def _occupants(species: Sequence[Any]) -> dict[str, list[dict[str, Any]]]:
    """Name of a species -> its elements with their occupancies; what is vacant is left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in species:
        if not isinstance(one, dict):
            raise StructureError("wrong-shape", "species: not a list of objects")
        symbols = _sequence(one, "chemical_symbols")
        shares = _numbers(one.get("concentration"), (len(symbols),), "concentration")
        if "X" in symbols or not all(isinstance(symbol, str) for symbol in symbols):
            raise StructureError("unknown-element", f"species {one.get('name')}: an atom of unknown element")
        pairs = zip(symbols, shares.tolist(), strict=True)
        found[str(one.get("name"))] = [{"element": s, "occu": c} for s, c in pairs if s != "vacancy" and c > 0]
    return found


def _periodic(attributes: Mapping[str, Any]) -> list[bool]:
    kinds = attributes.get("dimension_types")
    if not isinstance(kinds, list) or len(kinds) != 3 or any(k not in (0, 1) for k in kinds):
        raise StructureError("wrong-shape", f"dimension_types {kinds}: three of 0 and 1")
    return [bool(kind) for kind in kinds]


def _cell(vectors: Any, periodic: Sequence[bool]) -> np.ndarray:
    """(3, 3) Å; a unit vector across stands where a direction does not repeat."""
    if not isinstance(vectors, list) or len(vectors) != 3:
        raise StructureError("wrong-shape", "lattice_vectors: three vectors")
    rows = _numbers([v for v, p in zip(vectors, periodic, strict=True) if p], (sum(periodic), 3), "lattice_vectors")
    _, spread, directions = np.linalg.svd(rows)
    if spread.min() < 1e-6 * max(1.0, spread.max()):
        raise StructureError("cell-too-flat", "the lattice vectors lie in one plane or line")
    cell = np.empty((3, 3))
    cell[np.array(periodic)] = rows
    cell[~np.array(periodic)] = directions[len(rows) :]
    return cell


def _sequence(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if not isinstance(value, list) or not value:
        raise StructureError("wrong-shape", f"{name}: the server has none")
    return value


def _numbers(values: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise StructureError("wrong-shape", f"{name}: not {shape} numbers") from error
    if array.shape != shape or not np.isfinite(array).all():
        raise StructureError("wrong-shape", f"{name}: {array.shape}, not {shape} finite numbers")
    return array
