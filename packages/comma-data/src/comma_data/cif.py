"""CIF text -> raw structures: gemmi reads, and pymatgen builds whatever is more than a plain list of atoms in P 1."""

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import gemmi
import numpy as np
from pymatgen.core import Structure
from pymatgen.io.cif import CifParser

from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS, classify, reduced
from comma_data.sample import RawStructure

_CELL = [f"_cell_{name}" for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")]
_OPERATIONS = ("_space_group_symop_operation_xyz", "_space_group_symop.operation_xyz", "_symmetry_equiv_pos_as_xyz")
_NAMES = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M")
_NUMBERS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_SYMBOL = re.compile(r"([A-Z][a-z]?)(?:(\d*)([+-]))?")


@dataclass(frozen=True, kw_only=True)
class CifStructure:
    """One structure of a CIF file."""

    block: str
    """Name of its data block."""
    structure: RawStructure
    formula: str | None
    """Reduced formula that the file states, None where it states none that can be read."""


def read_cif(text: str) -> Iterator[CifStructure]:
    """The structures of a CIF file, one per data block that lists atoms; atoms in the order of the file.

    Coordinates are Cartesian in pymatgen's orientation: c along z, a in the x-z plane.

    Raises:
        StructureError: Code `cif-syntax`, `no-atoms`, `disordered`, `unknown-element` or `cif-unreadable`.
    """
    try:
        blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site_fract_x")]
    except (ValueError, RuntimeError) as error:
        raise StructureError("cif-syntax", f"not a CIF file: {' '.join(str(error).split())}") from error
    if not blocks:
        raise StructureError("no-atoms", "no data block lists atoms with fractional coordinates")
    for block in blocks:
        structure = _plain(block) or _with_pymatgen(block)
        yield CifStructure(block=block.name, structure=structure, formula=_stated_formula(block))


def cell_matrix(parameters: np.ndarray) -> np.ndarray:
    """Lattice vectors as rows (3, 3), Å, from a, b, c in Å and alpha, beta, gamma in degrees.

    The orientation is pymatgen's `Lattice.from_parameters`.
    """
    a, b, c = parameters[:3]
    cosines, sines = np.cos(np.radians(parameters[3:])), np.sin(np.radians(parameters[3:]))
    cos_gamma_star = (cosines[0] * cosines[1] - cosines[2]) / (sines[0] * sines[1])
    sin_gamma_star = np.sqrt(1.0 - min(1.0, cos_gamma_star**2))
    return np.array(
        [
            [a * sines[1], 0.0, a * cosines[1]],
            [-b * sines[0] * cos_gamma_star, b * sines[0] * sin_gamma_star, b * cosines[0]],
            [0.0, 0.0, c],
        ]
    )


def _plain(block: gemmi.cif.Block) -> RawStructure | None:
    """The structure where the block is P 1 and every site one full atom; None where that is not certain."""
    columns = [list(block.find_values(f"_atom_site_{name}")) for name in ("fract_x", "fract_y", "fract_z")]
    symbols = [_SYMBOL.fullmatch(gemmi.cif.as_string(s)) for s in block.find_values("_atom_site_type_symbol")]
    occupied = all(gemmi.cif.as_number(v) == 1.0 for v in block.find_values("_atom_site_occupancy"))
    if {len(column) for column in columns} != {len(symbols)} or not _is_p1(block):
        return None
    fractional = np.array([_numbers(column) for column in columns]).T
    parameters = _numbers([block.find_value(name) or "?" for name in _CELL])
    angles = parameters[3:]
    sound = np.isfinite(fractional).all() and (parameters > 0).all() and (angles < 180).all()  # NaN is not > 0
    if not (occupied and sound and all(s and s[1] in ATOMIC_NUMBERS for s in symbols)):
        return None
    cell = cell_matrix(parameters)
    return _raw([s[1] for s in symbols if s], [_charge(s) for s in symbols if s], fractional @ cell, cell)


def _is_p1(block: gemmi.cif.Block) -> bool:
    operations = [op for tag in _OPERATIONS for op in block.find_values(tag)]
    if operations:
        return all("".join(gemmi.cif.as_string(op).split()).lower() == "x,y,z" for op in operations)
    names = ["".join(gemmi.cif.as_string(v).split()) for tag in _NAMES if (v := block.find_value(tag))]
    numbers = [v for tag in _NUMBERS if (v := block.find_value(tag))]
    return bool(names or numbers) and set(names) <= {"P1"} and set(numbers) <= {"1"}


def _numbers(values: list[str]) -> np.ndarray:
    """CIF numbers, standard uncertainties cut off; NaN where a value is none."""
    return np.array([gemmi.cif.as_number(v) for v in values])


def _charge(symbol: re.Match[str]) -> float | None:
    return float((symbol[3] or "") + (symbol[2] or "1")) if symbol[3] else None


def _with_pymatgen(block: gemmi.cif.Block) -> RawStructure:
    """The structure as pymatgen builds it from the symmetry operations; partial occupancies are refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what pymatgen merely suspects, the guard decides
            parser = CifParser(io.StringIO(block.as_string()))
            structure = parser.parse_structures(primitive=False, on_error="raise")[0]
    except Exception as error:  # malformed files make it raise nearly any type
        raise StructureError("cif-unreadable", f"block {block.name}: {' '.join(str(error).split())[:300]}") from error
    if not structure.is_ordered:
        raise StructureError("disordered", f"block {block.name}: partly occupied sites; give an ordered model")
    return _from_pymatgen(structure, block.name)


def _from_pymatgen(structure: Structure, name: str) -> RawStructure:
    species = [site.specie for site in structure]
    elements = [getattr(s, "element", s) for s in species]
    symbols = [getattr(e, "name", str(e)) for e in elements]  # of the isotopes D and T, `symbol` would be H
    strange = sorted({s for s in symbols if s not in ATOMIC_NUMBERS})
    if strange:
        raise StructureError("unknown-element", f"block {name}: {', '.join(strange)}; give symbols from H to Og")
    charges = [getattr(s, "oxi_state", None) for s in species]
    return _raw(symbols, charges, structure.cart_coords, structure.lattice.matrix)


def _raw(symbols: list[str], charges: list[float | None], positions: np.ndarray, cell: np.ndarray) -> RawStructure:
    structure = RawStructure(
        numbers=np.array([ATOMIC_NUMBERS[s] for s in symbols], dtype=np.int64),
        positions=np.array(positions, dtype=float),
        cell=np.array(cell, dtype=float),
        periodic=np.ones(3, dtype=bool),
    )
    if charges and all(c is not None for c in charges):
        structure["charges"] = np.array(charges, dtype=float)
    return structure


def _stated_formula(block: gemmi.cif.Block) -> str | None:
    value = block.find_value("_chemical_formula_sum")
    formula = classify("".join(gemmi.cif.as_string(value).split())) if value else None
    return reduced(formula.amounts) if formula and formula.amounts else None
