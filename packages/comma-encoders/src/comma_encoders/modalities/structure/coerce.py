"""What users have -> raw structure: pymatgen, ASE, PyG objects, CIF and other files, mappings."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from comma_encoders.errors import InputError, KindError
from comma_encoders.files import is_file, short


def raw(numbers: Any, positions: Any, cell: Any, periodic: Any, charges: Any = None) -> dict[str, np.ndarray]:
    """A raw structure: numbers (n,), positions (n, 3) Å, cell (3, 3) Å, periodic (3,), charges (n,) unless all zero."""
    pbc = np.broadcast_to(np.asarray(periodic, dtype=bool), (3,)).copy()
    given = np.zeros(0) if charges is None else np.asarray(charges, dtype=np.float64).reshape(-1)
    # ASE writes zeros where nobody has said anything
    known = {"charges": given} if given.any() else {}
    return known | {
        "numbers": np.asarray(numbers, dtype=np.int64).reshape(-1),
        "positions": np.asarray(positions, dtype=np.float64).reshape(-1, 3),
        "cell": np.where(pbc[:, None], np.asarray(cell, dtype=np.float64).reshape(3, 3), 0.0),
        "periodic": pbc,
    }


def _from_pymatgen(structure: Any) -> dict[str, np.ndarray]:
    if not len(structure):
        raise InputError("a structure without atoms; leave it out")
    if not structure.is_ordered:
        raise InputError(
            f"{structure.composition.reduced_formula} has sites that several species share; order it first, e.g. with "
            "pymatgen's OrderDisorderedStructureTransformation"
        )
    lattice = getattr(structure, "lattice", None)
    cell = np.zeros((3, 3)) if lattice is None else lattice.matrix
    numbers, charges = zip(*((s.specie.Z, getattr(s.specie, "oxi_state", None)) for s in structure), strict=True)
    periodic = False if lattice is None else lattice.pbc
    return raw(numbers, structure.cart_coords, cell, periodic, None if None in charges else charges)


def _from_ase(atoms: Any) -> dict[str, np.ndarray]:
    cell, charges = atoms.get_cell()[:], atoms.get_initial_charges()
    return raw(atoms.get_atomic_numbers(), atoms.get_positions(), cell, atoms.get_pbc(), charges)


def _from_rdkit(molecule: Any) -> dict[str, np.ndarray]:
    if not molecule.GetNumConformers():
        raise InputError("an RDKit molecule without coordinates; embed it first, e.g. with AllChem.EmbedMolecule")
    atoms = list(molecule.GetAtoms())
    if not molecule.GetConformer().Is3D():
        raise InputError(
            "an RDKit molecule with the coordinates of a drawing; embed it, e.g. with AllChem.EmbedMolecule"
        )
    if absent := sum(atom.GetTotalNumHs() for atom in atoms):
        raise InputError(
            f"an RDKit molecule without the places of {absent} hydrogens; add them with Chem.AddHs(molecule, "
            "addCoords=True)"
        )
    positions = molecule.GetConformer().GetPositions()
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondTypeAsDouble()) for b in molecule.GetBonds()]
    charges = [atom.GetFormalCharge() for atom in atoms]
    value = raw([atom.GetAtomicNum() for atom in atoms], positions, np.zeros((3, 3)), False, charges)  # noqa: FBT003  periodic in no direction
    return value | {"bonds": np.array(bonds, dtype=np.float64).reshape(-1, 3)}


def _from_pyg(data: Any) -> dict[str, np.ndarray]:
    """`pbc` says which vectors of `cell` repeat; without it, those that are not zero do."""
    if getattr(data, "num_graphs", 1) > 1:
        raise InputError(f"a PyG batch of {data.num_graphs} graphs; give data.to_data_list()")
    numbers, positions, cell, pbc = (_array(getattr(data, name, None)) for name in ("z", "pos", "cell", "pbc"))
    if numbers is None or positions is None or positions.shape != (numbers.size, 3):
        shapes = ["nothing" if part is None else str(part.shape) for part in (numbers, positions)]
        raise InputError(f"PyG data needs z (n,) and pos (n, 3); got {' and '.join(shapes)}")
    if cell is None:
        return raw(numbers, positions, np.zeros((3, 3)), False)  # noqa: FBT003  periodic in no direction
    vectors = np.asarray(cell, dtype=np.float64).reshape(-1, 3)
    return raw(numbers, positions, vectors, vectors.any(axis=1) if pbc is None else pbc.reshape(-1))


def _array(given: Any) -> np.ndarray | None:
    """A tensor, wherever it is and whether or not it has a gradient, as an array."""
    if given is None:
        return None
    return np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)


def _from_file(path: Path) -> dict[str, np.ndarray]:
    from pymatgen.core import Structure  # noqa: PLC0415  half a second

    if not is_file(path):
        raise InputError(f"there is no structure file {short(path)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen's notes on rounding are of no use in an error message
            return _from_pymatgen(Structure.from_file(path))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read as a structure: {error}") from error


def coerce(value: Any) -> dict[str, Any]:
    """A raw structure from a pymatgen, ASE, RDKit or PyG object, the path of a file, or a raw structure.

    Oxidation states, initial or formal charges, and an RDKit molecule's bonds are kept.

    Raises:
        InputError: none of these, a structure with shared sites, or a molecule that lacks places of atoms.
    """
    if isinstance(value, Mapping) and "numbers" in value:
        return dict(value)
    if isinstance(value, str | Path):
        return _from_file(Path(value))
    if hasattr(value, "is_ordered") and hasattr(value, "cart_coords"):
        return _from_pymatgen(value)
    if hasattr(value, "get_atomic_numbers"):
        return _from_ase(value)
    if hasattr(value, "GetNumConformers"):
        return _from_rdkit(value)
    if hasattr(value, "pos") and hasattr(value, "z"):
        return _from_pyg(value)
    raise KindError(
        f"cannot make a structure of {type(value).__name__}; give a pymatgen Structure or Molecule, ASE Atoms, RDKit "
        "molecule, PyG Data, a path, or a mapping with numbers, positions, cell, periodic"
    )


def example(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A random crystal of 1 to 8 atoms, none nearer than 1.5 Å to another; of every other one the charges are known."""
    n = int(rng.integers(1, 9))
    cell = 6.0 * np.eye(3) + rng.uniform(-0.5, 0.5, (3, 3))
    corners = np.array([(i, j, k) for i in range(2) for j in range(2) for k in range(2)])
    fractional = corners[rng.permutation(8)[:n]] / 2 + rng.uniform(0, 0.1, (n, 3))
    charges = rng.integers(-2, 3, n) if rng.random() < 0.5 else None
    return raw(rng.integers(1, 95, n), fractional @ cell, cell, True, charges)  # noqa: FBT003  periodic in all directions
