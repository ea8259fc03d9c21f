"""The atom sites of a data block, made plain before anything is built of them, or refused.

In CIF `.` stands for the default, or for what does not apply, and `?` for what is not known (Hall, Allen and Brown,
Acta Cryst. A 47, 655 (1991)); pymatgen reads `.` as 0, so that an atom vanishes or lands in the origin. Hydrogens that
are only counted at their neighbour, and groups that stand as one site, have no atoms that could be read.
"""

import re
from collections.abc import Collection, Sequence

import gemmi

from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS, classify

_PREFIX = "_atom_site_"
_COORDINATES = ("fract_x", "fract_y", "fract_z")
_X = "_atom_site_fract_x"
_ICSD = "_database_code_ICSD"
"""A block with it writes numbers without their zeros: `.5` is 0.5, and `.` is 0."""
_GROUP = re.compile(r"OH|O-H|H2O|D2O|WAT|[Ww]at")
"""At the beginning of a symbol: water or a hydroxyl group, of which pymatgen keeps one atom, or none."""
_HYDROGENS = "give hydrogen atoms sites of their own"

_Columns = dict[str, list[str]]


def plain_sites(block: gemmi.cif.Block) -> None:
    """Change the sites of a block to a loop of atoms that every reader understands alike.

    Dummy sites (`_atom_site_calc_flag dum`) are left out, an occupancy `.` is the dictionary's default of 1, and labels
    without `_atom_site_type_symbol` get one where a reader might take them for another element.

    Raises:
        StructureError: Code `cif-unreadable` (a coordinate is not given), `atoms-missing` (hydrogens without sites),
            `unknown-element` (a label alone, that two elements could have), or `no-atoms` (only dummies).
    """
    columns = {tag.lower().removeprefix(_PREFIX): list(block.find_values(tag)) for tag in _tags(block)}
    made = _without_dummies(columns)
    if not made["fract_x"]:
        raise StructureError("no-atoms", f"block {block.name}: every site is a dummy")
    if "occupancy" in made:
        made["occupancy"] = ["1" if _bare(v) == "." else v for v in made["occupancy"]]
    _check(block, made)
    if "type_symbol" not in made and "label" in made:
        symbols = _symbols(block, made["label"])
        made |= {"type_symbol": symbols} if symbols else {}
    if made != columns or block.find_pair(_X) is not None:
        tags = [name if name.startswith("_") else _PREFIX + name for name in made]
        block.init_loop("", tags).set_all_values(list(made.values()))


def lists_atoms(block: gemmi.cif.Block) -> bool:
    """Whether any site has a coordinate; some databases write a block of `?` for what they do not know."""
    return any(_bare(value) not in _nothing(block) for value in block.find_values(_X))


def _nothing(block: gemmi.cif.Block) -> set[str]:
    """What is no coordinate."""
    return {"", "?"} if block.find_value(_ICSD) else {"", "?", "."}


def _tags(block: gemmi.cif.Block) -> Sequence[str]:
    """All of the loop that has the coordinates; or of the pairs, where there is a single site."""
    loop = block.find_loop(_X).get_loop()
    if loop is not None:
        return loop.tags
    return [item.pair[0] for item in block if item.pair is not None and item.pair[0].lower().startswith(_PREFIX)]


def _without_dummies(columns: _Columns) -> _Columns:
    flags = columns.get("calc_flag", [])
    dummies = {i for i, flag in enumerate(flags) if gemmi.cif.as_string(flag).lower() == "dum"}
    if not dummies:
        return dict(columns)
    return {name: [v for i, v in enumerate(values) if i not in dummies] for name, values in columns.items()}


def _bare(value: str) -> str:
    """Quoted or not, it is the same to pymatgen."""
    return value.strip("'\" ")


def _check(block: gemmi.cif.Block, columns: _Columns) -> None:
    sites = columns.get("label") or columns.get("type_symbol") or [str(i + 1) for i in range(len(columns["fract_x"]))]
    for name in _COORDINATES:
        for site, value in zip(sites, columns.get(name, ()), strict=False):
            if _bare(value) in _nothing(block):
                raise StructureError(
                    "cif-unreadable",
                    f"block {block.name}: site {site} has `{value}` as {_PREFIX}{name}; give it, or leave the site out "
                    "(a dummy has _atom_site_calc_flag dum)",
                )
    for site, value in zip(sites, columns.get("attached_hydrogens", ()), strict=False):
        if gemmi.cif.as_number(value) > 0:
            raise StructureError(
                "atoms-missing",
                f"block {block.name}: _atom_site_attached_hydrogens of site {site} is {value}: it counts those without "
                f"coordinates; {_HYDROGENS}, or write 0 where they have them",
            )
    for site, symbol in zip(sites, columns.get("type_symbol", sites), strict=False):
        text = gemmi.cif.as_string(symbol)
        if _GROUP.match(text) and ("type_symbol" in columns or text.lower().startswith("wat")):
            raise StructureError(
                "atoms-missing",
                f"block {block.name}: site {site} is a group of atoms, {text!r}; {_HYDROGENS}, and O its own",
            )


def _symbols(block: gemmi.cif.Block, labels: Sequence[str]) -> list[str]:
    """An element for each label, empty where pymatgen finds the same.

    It takes two letters where they are an element, and drops what begins with `OH`.
    """
    known = _elements(block)
    readings = [_readings(gemmi.cif.as_string(label)) for label in labels]
    settled = [_settled(block.name, label, both, known) for label, both in zip(labels, readings, strict=True)]
    otherwise = any(
        symbol != both[0] or gemmi.cif.as_string(label).startswith("OH")
        for symbol, both, label in zip(settled, readings, labels, strict=True)
    )
    return [gemmi.cif.quote(symbol) for symbol in settled] if otherwise else []


def _readings(label: str) -> list[str]:
    """Elements that a label may begin with, the longer one first: `CA1` is calcium, or the atom A1 of carbon.

    A small second letter belongs to the symbol. Where no element is found, the label itself.
    """
    letters = re.match(r"[A-Za-z]{0,2}", label)
    two = letters[0] if letters else ""
    isotopes = {*ATOMIC_NUMBERS, "D", "T"}
    long, short = two.title(), two[:1].upper()
    found = [symbol for symbol in dict.fromkeys((long, short)) if symbol in isotopes]
    return (found if two.isupper() else found[:1]) or [label]


def _settled(block: str, label: str, readings: Sequence[str], known: Collection[str]) -> str:
    if len(readings) == 1:
        return readings[0]
    likely = [symbol for symbol in readings if symbol in known]
    if len(likely) != 1:
        raise StructureError(
            "unknown-element",
            f"block {block}: the label {label} may be {' or '.join(readings)}; add _atom_site_type_symbol, or a "
            "_chemical_formula_sum with one of them",
        )
    return likely[0]


def _elements(block: gemmi.cif.Block) -> set[str]:
    """What the formula or the list of atom types names."""
    stated = block.find_value("_chemical_formula_sum")
    formula = classify("".join(gemmi.cif.as_string(stated).split())) if stated else None
    types = (gemmi.cif.as_string(value) for value in block.find_values("_atom_type_symbol"))
    return {*(formula.amounts if formula else ()), *(re.sub(r"[^A-Za-z].*", "", symbol) for symbol in types)}
