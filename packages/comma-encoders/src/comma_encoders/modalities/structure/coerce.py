"""What users have -> raw structure: pymatgen, ASE, PyG objects, CIF and other files, mappings."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from comma_encoders.errors import InputError


def raw(numbers: Any, positions: Any, cell: Any, periodic: Any) -> dict[str, np.ndarray]:
    """A raw structure: numbers (n,), positions (n, 3) Å, cell (3, 3) Å, periodic (3,)."""
    pbc = np.broadcast_to(np.asarray(periodic, dtype=bool), (3,)).copy()
    return {
        "numbers": np.asarray(numbers, dtype=np.int64).reshape(-1),
        "positions": np.asarray(positions, dtype=np.float64).reshape(-1, 3),
        "cell": np.where(pbc[:, None], np.asarray(cell, dtype=np.float64).reshape(3, 3), 0.0),
        "periodic": pbc,
    }


def _from_pymatgen(structure: Any) -> dict[str, np.ndarray]:
    if not structure.is_ordered:
        raise InputError(
            f"{structure.composition.reduced_formula} has sites that several species share; order it first, e.g. with "
            "pymatgen's OrderDisorderedStructureTransformation"
        )
    lattice = getattr(structure, "lattice", None)
    cell = np.zeros((3, 3)) if lattice is None else lattice.matrix
    return raw([s.specie.Z for s in structure], structure.cart_coords, cell, False if lattice is None else lattice.pbc)


def _from_file(path: Path) -> dict[str, np.ndarray]:
    from pymatgen.core import Structure  # noqa: PLC0415  half a second

    if not path.is_file():
        raise InputError(f"there is no structure file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen's notes on rounding are of no use in an error message
            return _from_pymatgen(Structure.from_file(path))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read as a structure: {error}") from error


def coerce(value: Any) -> dict[str, Any]:
    """A raw structure from a pymatgen Structure or Molecule, ASE Atoms, PyG Data, a file's path, or a raw structure.

    Raises:
        InputError: none of these, or a structure with shared sites.
    """
    if isinstance(value, Mapping) and "numbers" in value:
        return dict(value)
    if isinstance(value, str | Path):
        return _from_file(Path(value))
    if hasattr(value, "is_ordered"):
        return _from_pymatgen(value)
    if hasattr(value, "get_atomic_numbers"):
        return raw(value.get_atomic_numbers(), value.get_positions(), value.get_cell()[:], value.get_pbc())
    if hasattr(value, "pos") and hasattr(value, "z"):
        cell = getattr(value, "cell", None)
        return raw(value.z, value.pos, np.zeros((3, 3)) if cell is None else cell, cell is not None)
    raise InputError(
        f"cannot make a structure of {type(value).__name__}; give a pymatgen Structure or Molecule, ASE Atoms, PyG "
        "Data, a path, or a mapping with numbers, positions, cell, periodic"
    )


def example(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A random crystal of 1 to 8 atoms, none nearer than 1.5 Å to another."""
    n = int(rng.integers(1, 9))
    cell = 6.0 * np.eye(3) + rng.uniform(-0.5, 0.5, (3, 3))
    corners = np.array([(i, j, k) for i in range(2) for j in range(2) for k in range(2)])
    fractional = corners[rng.permutation(8)[:n]] / 2 + rng.uniform(0, 0.1, (n, 3))
    return raw(rng.integers(1, 95, n), fractional @ cell, cell, True)  # noqa: FBT003  periodic in all directions
