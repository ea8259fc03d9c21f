"""The symmetry operations that a data block of a CIF states, by whichever of the dictionary's names.

The older dictionary writes `_space_group_name_H-M_alt`, the newer `_space_group.name_H-M_alt`, and the oldest still in
use `_symmetry_space_group_name_H-M`; programs write symbols in many spellings, and ICSD the origin as S or Z.
"""

import re
from collections.abc import Iterable

import gemmi

_OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_symmetry_equiv.pos_as_xyz",
)
_GROUPS = ("_space_group_", "_space_group.")
_OLD = ("_symmetry_", "_symmetry.")
_HALL = (*(f"{tag}name_Hall" for tag in _GROUPS), *(f"{tag}space_group_name_Hall" for tag in _OLD))
_NAMES = (
    *(f"{tag}name_H-M_{kind}" for tag in _GROUPS for kind in ("alt", "full")),
    *(f"{tag}space_group_name_H-M" for tag in _OLD),
)
_NUMBERS = (*(f"{tag}IT_number" for tag in _GROUPS), *(f"{tag}Int_Tables_number" for tag in _OLD))
_CHOICE = re.compile(r"(?P<symbol>.*?\S)(?:\s*:\s*(?=.$)|\s*(?=[SZHR]$))(?P<choice>[12SZHR])", re.IGNORECASE)
_GROUPS_THERE_ARE = 230
_ORIGINS = {"S": "1", "Z": "2"}


def listed(block: gemmi.cif.Block) -> list[str]:
    """The operations that are listed, as they are written."""
    return [gemmi.cif.as_string(op) for tag in _OPERATIONS for op in block.find_values(tag)]


def is_p1(block: gemmi.cif.Block) -> bool:
    """Whether the identity alone is listed, or else the group is said to be P 1 and nothing else."""
    operations = listed(block)
    if operations:
        return all("".join(op.split()).lower() == "x,y,z" for op in operations)
    names = {"".join(name.split()) for name in (*_stated(block, _NAMES), *_stated(block, _HALL))}
    numbers = set(_stated(block, _NUMBERS))
    return bool(names or numbers) and names <= {"P1"} and numbers <= {"1"}


def stated(block: gemmi.cif.Block) -> str:
    """The first that the block states of the group's symbols, its number and operations.

    Empty where it states none: the identity is then the dictionary's default.
    """
    return next(iter([*_stated(block, (*_NAMES, *_HALL, *_NUMBERS)), *listed(block)]), "")


def operations(block: gemmi.cif.Block, alpha: float, gamma: float) -> list[str]:
    """The operations listed, or else those of the group stated; none where nothing is stated that anybody knows.

    Args:
        block: Of the file.
        alpha: Degrees; with gamma it tells rhombohedral from hexagonal axes where the symbol does not.
        gamma: Degrees.
    """
    written = listed(block)
    if written:
        return written
    for symbol in _stated(block, _HALL):
        try:
            return _triplets(gemmi.symops_from_hall(symbol))
        except (ValueError, RuntimeError):
            continue
    groups = (_by_name(name, alpha, gamma) for name in _stated(block, _NAMES))
    by_number = (_by_number(number) for number in _stated(block, _NUMBERS))
    group = next((found for found in (*groups, *by_number) if found is not None), None)
    return [] if group is None else _triplets(group.operations())


def _stated(block: gemmi.cif.Block, tags: Iterable[str]) -> list[str]:
    values = (block.find_value(tag) for tag in tags)
    texts = (gemmi.cif.as_string(value).strip() for value in values if value is not None)
    return [text for text in texts if text]


def _by_name(name: str, alpha: float, gamma: float) -> gemmi.SpaceGroup | None:
    name = name.replace("_", "")
    found = gemmi.find_spacegroup_by_name(name, alpha, gamma)
    if found is not None:
        return found if ":" in name else _unambiguous(found)
    choice = _CHOICE.fullmatch(name)
    if choice is None:
        return None
    wanted = _ORIGINS.get(choice["choice"].upper(), choice["choice"].upper())
    exact = gemmi.find_spacegroup_by_name(f"{choice['symbol']}:{wanted}", alpha, gamma)
    if exact is not None:
        return exact
    only = gemmi.find_spacegroup_by_name(choice["symbol"], alpha, gamma)
    return only if only is not None and only.ext == "\0" else None  # a choice named where there is none to make


def _by_number(number: str) -> gemmi.SpaceGroup | None:
    known = number.isdecimal() and 1 <= int(number) <= _GROUPS_THERE_ARE
    return _unambiguous(gemmi.find_spacegroup_by_number(int(number))) if known else None


def _unambiguous(group: gemmi.SpaceGroup) -> gemmi.SpaceGroup | None:
    """The group, unless it is tabulated with two origins: atoms read with the wrong one make another crystal."""
    return None if group.ext in {"1", "2"} else group


def _triplets(group: gemmi.GroupOps) -> list[str]:
    return [op.triplet() for op in group]
