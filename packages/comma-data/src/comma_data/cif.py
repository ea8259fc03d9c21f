"""CIF text -> raw structures: gemmi reads, and pymatgen builds whatever is more than a plain list of atoms in P 1."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gemmi
import numpy as np
from pymatgen.io.cif import CifBlock, CifParser

from comma_data import cif_symmetry
from comma_data.cif_sites import lists_atoms, plain_sites
from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS, classify, reduced
from comma_data.pool import TooSlowError
from comma_data.sample import RawStructure
from comma_data.structure_formats.resolve import ROUNDING, Disorder, resolve
from comma_data.structure_formats.sites import Sites, Species, Unread, cartesian, full, text_of

_CELL = [f"_cell_{name}" for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")]
_SYMBOL = re.compile(r"([A-Z][a-z]?)(?:(\d*)([+-]))?")


@dataclass(frozen=True, kw_only=True)
class CifStructure:
    """One structure of a CIF file."""

    block: str
    """Name of its data block."""
    structure: RawStructure
    formula: str | None
    """Reduced formula that the file states, None where it states none that can be read."""


def read_cif(text: str, *, disorder: Disorder = "refuse") -> Iterator[CifStructure]:
    """The structures of a CIF file, one per data block that lists atoms; atoms in the order of the file.

    Coordinates are Cartesian in pymatgen's orientation: c along z, a in the x-z plane.

    Raises:
        StructureError: Code `cif-syntax`, `no-atoms`, `cif-unreadable`, or one of `resolve`.
    """
    for found in _blocks(text):
        if isinstance(found, Unread):
            raise found.error
        resolved = resolve(found, disorder)
        yield CifStructure(block=found.name, structure=resolved.structure, formula=resolved.formula)


def parse_cif(data: bytes) -> Iterator[Sites | Unread]:
    """As `read_cif`, before anything is decided about the sites; a block that cannot be read is `Unread`.

    Raises:
        StructureError: Code `not-utf-8`, `cif-syntax` or `no-atoms`.
    """
    return _blocks(text_of(data))


def _blocks(text: str) -> Iterator[Sites | Unread]:
    try:
        blocks = [block for block in gemmi.cif.read_string(text) if lists_atoms(block)]
    except (ValueError, RuntimeError) as error:
        raise StructureError("cif-syntax", f"not a CIF file: {' '.join(str(error).split())}") from error
    if not blocks:
        raise StructureError("no-atoms", "no data block lists atoms with fractional coordinates")
    for block in blocks:
        try:
            plain_sites(block)
            yield _plain(block) or _with_pymatgen(block)
        except StructureError as error:
            yield Unread(name=block.name, error=error)


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


def _plain(block: gemmi.cif.Block) -> Sites | None:
    """The structure where the block is P 1 and every site one full atom; None where that is not certain."""
    columns = [list(block.find_values(f"_atom_site_{name}")) for name in ("fract_x", "fract_y", "fract_z")]
    symbols = [_SYMBOL.fullmatch(gemmi.cif.as_string(s)) for s in block.find_values("_atom_site_type_symbol")]
    occupied = all(gemmi.cif.as_number(v) == 1.0 for v in block.find_values("_atom_site_occupancy"))
    if {len(column) for column in columns} != {len(symbols)} or not cif_symmetry.is_p1(block):
        return None
    fractional = np.array([_numbers(column) for column in columns]).T
    parameters = _numbers([block.find_value(name) or "?" for name in _CELL])
    angles = parameters[3:]
    sound = np.isfinite(fractional).all() and (parameters > 0).all() and (angles < 180).all()  # NaN is not > 0
    if not (occupied and sound and all(s and s[1] in ATOMIC_NUMBERS for s in symbols)):
        return None
    cell = cell_matrix(parameters)
    return _sites(block, [full(s[1], _charge(s)) for s in symbols if s], cartesian(fractional, cell), cell)


def _numbers(values: list[str]) -> np.ndarray:
    """CIF numbers, standard uncertainties cut off; NaN where a value is none."""
    return np.array([gemmi.cif.as_number(v) for v in values])


def _charge(symbol: re.Match[str]) -> float | None:
    return float((symbol[3] or "") + (symbol[2] or "1")) if symbol[3] else None


def _with_pymatgen(block: gemmi.cif.Block) -> Sites:
    """The structure as pymatgen builds it from the symmetry operations."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what pymatgen merely suspects, the guard decides
            parser = _parser(block)
            if not parser.feature_flags["magcif"]:  # magnetic groups have names and operations of their own
                parser = _with_operations(block, parser)
            structure = parser.parse_structures(primitive=False, on_error="raise")[0]
        species = [tuple(_species(one, float(share)) for one, share in site.species.items()) for site in structure]
        return _sites(block, species, structure.cart_coords, structure.lattice.matrix)
    except (TooSlowError, StructureError):
        raise
    except Exception as error:  # malformed files make it raise nearly any type
        raise StructureError("cif-unreadable", f"block {block.name}: {' '.join(str(error).split())[:300]}") from error


def _parser(block: gemmi.cif.Block) -> CifParser:
    return CifParser(io.StringIO(block.as_string()), occupancy_tolerance=1 + ROUNDING)


def _with_operations(block: gemmi.cif.Block, parser: CifParser) -> CifParser:
    """The parser, where it takes the operations that the block states, or one of a block that lists them.

    Of a symbol alone pymatgen takes some origin and some axes. Where they are the right ones, its order is kept: it is
    that of the atoms.

    Raises:
        StructureError: Code `symmetry-unknown`; read in another setting, or as P 1, it would be another crystal.
    """
    parameters = _numbers([block.find_value(name) or "?" for name in _CELL])
    with np.errstate(all="ignore"):
        cell = cell_matrix(parameters)
    operations = cif_symmetry.operations(block, cell @ cell.T)
    if operations is None:
        raise StructureError(
            "symmetry-unknown",
            f"block {block.name}: no operations are listed, and the space group {cif_symmetry.stated(block)!r} is none "
            "that is known and fits the cell, or has two origins and does not say which; list "
            "_space_group_symop_operation_xyz",
        )
    content = CifBlock(next(iter(parser.as_dict().values())), [], block.name)
    if not operations or cif_symmetry.same(operations, [op.affine_matrix for op in parser.get_symops(content)]):
        return parser
    made = gemmi.cif.read_string(block.as_string()).sole_block()
    made.init_loop("_symmetry_equiv_pos_as_", ["xyz"]).set_all_values([[gemmi.cif.quote(op) for op in operations]])
    return _parser(made)


def _species(one: Any, share: float) -> Species:
    element = getattr(one, "element", one)
    symbol = getattr(element, "name", str(element))  # of the isotopes D and T, `symbol` would be H
    return symbol, getattr(one, "oxi_state", None), share


def _sites(
    block: gemmi.cif.Block, species: Sequence[tuple[Species, ...]], positions: np.ndarray, cell: np.ndarray
) -> Sites:
    return Sites(
        name=block.name,
        species=species,
        positions=positions,
        cell=cell,
        periodic=np.ones(3, dtype=bool),
        formula=_stated_formula(block),
    )


def _stated_formula(block: gemmi.cif.Block) -> str | None:
    value = block.find_value("_chemical_formula_sum")
    formula = classify("".join(gemmi.cif.as_string(value).split())) if value else None
    return reduced(formula.amounts) if formula and formula.amounts else None
