"""The symmetry operations that a data block of a CIF states, by whichever of the dictionary's names.

The older dictionary writes `_space_group_name_H-M_alt`, the newer `_space_group.name_H-M_alt`, and the oldest still in
use `_symmetry_space_group_name_H-M`; programs write symbols in many spellings, and ICSD the origin as S or Z.
"""

import re
from collections.abc import Iterable, Sequence

import gemmi
import numpy as np

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
_SETTINGS = tuple(f"{tag}IT_coordinate_system_code" for tag in _GROUPS)
_CHOICE = re.compile(r"(?P<symbol>.*?\S)(?:\s*:\s*(?=.$)|\s*(?=[SZHR]$))(?P<choice>[12SZHR])", re.IGNORECASE)
_ORIGINS = {"S": "1", "Z": "2"}
_SLACK = 0.03
"""Of the metric; a cell that its group moves by more is that of another setting."""

Operations = list[str]
"""Triplets, as in `-x, y+1/2, z`."""


def listed(block: gemmi.cif.Block) -> Operations:
    """The operations that are listed, as they are written."""
    return [text for op in _places(block) if (text := gemmi.cif.as_string(op).strip())]


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


def operations(block: gemmi.cif.Block, metric: np.ndarray) -> Operations | None:
    """The operations listed, or else those of the group stated.

    Empty where the block has no word on symmetry; None where the group is none that is known and fits the cell, or is
    tabulated with two origins and nothing says which: atoms read with the wrong one make another crystal. A Hall symbol
    says it, or the code of the setting; of hexagonal and rhombohedral axes the cell does.

    Args:
        block: Of the file.
        metric: (3, 3) Å², products of the lattice vectors; what is not finite fits any group.
    """
    written = listed(block)
    if written or not stated(block):
        return written or (["x,y,z"] if _places(block) else [])
    code = next(iter(_stated(block, _SETTINGS)), "").lower()
    named = [groups for name in _stated(block, _NAMES) if (groups := _by_name(name))]
    by_hall = [found for symbol in _stated(block, _HALL) if (found := _from_hall(symbol)) is not None]
    if by_hall:
        number = getattr(gemmi.find_spacegroup_by_ops(by_hall[0]), "number", None)  # of a change of basis: None
        agreed = number is None or not named or number == named[0][0].number
        return _triplets(by_hall[0]) if agreed and _fits(by_hall[0], metric) else None
    alike = [*named, *(_by_number(number, code) for number in _stated(block, _NUMBERS))]
    settled = (_settled(groups, code, metric) for groups in alike)
    first = next((group for group in settled if group is not None), None)
    return None if first is None else _triplets(first.operations())


def same(operations: Iterable[str], matrices: Iterable[np.ndarray]) -> bool:
    """Whether triplets and affine matrices (4, 4) are one set, in any order, whole translations aside.

    Triplets that gemmi cannot read are nobody's to compare: true.
    """
    try:
        read = [gemmi.Op(text) for text in operations]
    except (ValueError, RuntimeError):
        return True
    scaled = (np.rint(gemmi.Op.DEN * np.asarray(matrix)).astype(int) for matrix in matrices)
    theirs = {(m[:3, :3].tobytes(), (m[:3, 3] % gemmi.Op.DEN).tobytes()) for m in scaled}
    return theirs == {(np.array(op.rot).tobytes(), (np.array(op.tran) % gemmi.Op.DEN).tobytes()) for op in read}


def _places(block: gemmi.cif.Block) -> list[str]:
    return [op for tag in _OPERATIONS for op in block.find_values(tag)]


def _stated(block: gemmi.cif.Block, tags: Iterable[str]) -> list[str]:
    values = (block.find_value(tag) for tag in tags)
    texts = (gemmi.cif.as_string(value).strip() for value in values if value is not None)
    return [text for text in texts if text]


def _from_hall(symbol: str) -> gemmi.GroupOps | None:
    try:
        return gemmi.symops_from_hall(symbol)
    except (ValueError, RuntimeError):
        return None


def _by_name(name: str) -> list[gemmi.SpaceGroup]:
    """The settings that have this symbol; none where it is no symbol."""
    name = name.replace("_", "")
    found = gemmi.find_spacegroup_by_name(name)
    if found is None:
        return _by_choice(name)
    if ":" in name:
        return [found]
    return [group for group in _settings(found.number) if group.hm == found.hm]


def _by_choice(name: str) -> list[gemmi.SpaceGroup]:
    choice = _CHOICE.fullmatch(name)
    if choice is None:
        return []
    wanted = _ORIGINS.get(choice["choice"].upper(), choice["choice"].upper())
    exact = gemmi.find_spacegroup_by_name(f"{choice['symbol']}:{wanted}")
    if exact is not None:
        return [exact]
    only = gemmi.find_spacegroup_by_name(choice["symbol"])
    return [only] if only is not None and only.ext == "\0" else []  # a choice named where there is none to make


def _by_number(number: str, code: str) -> list[gemmi.SpaceGroup]:
    """The standard setting with each of its origins, or those with the code where one is stated among several."""
    groups = _settings(int(number)) if number.isdecimal() else []
    return [g for g in groups if (_has(g, code) if code and len(groups) > 1 else g.hm == groups[0].hm)]


def _settings(number: int) -> list[gemmi.SpaceGroup]:
    return [group for group in gemmi.spacegroup_table() if group.number == number]


def _settled(groups: Sequence[gemmi.SpaceGroup], code: str, metric: np.ndarray) -> gemmi.SpaceGroup | None:
    """The one that fits the cell and has the code; None where there is none, or one origin is as good as the other."""
    fitting = [group for group in groups if _fits(group.operations(), metric)]
    coded = [group for group in fitting if _has(group, code)] or fitting
    first = [group for group in coded if group.hm == coded[0].hm]
    return first[0] if len(first) == 1 else None


def _has(group: gemmi.SpaceGroup, code: str) -> bool:
    """Whether a setting has a code such as `2`, `h`, `b1`, `cab` or `2cab`."""
    choice = group.ext.strip("\0").lower()
    return code != "" and code in {choice, choice + (group.qualifier or "abc")}


def _fits(group: gemmi.GroupOps, metric: np.ndarray) -> bool:
    """Whether the operations leave lengths and angles of the cell as they are."""
    if not np.isfinite(metric).all():
        return True
    rotations = np.array([op.rot for op in group.sym_ops]) / gemmi.Op.DEN
    moved = np.swapaxes(rotations, 1, 2) @ metric @ rotations
    lengths = np.sqrt(np.diagonal(metric))
    return bool((np.abs(moved - metric) <= _SLACK * np.outer(lengths, lengths)).all())


def _triplets(group: gemmi.GroupOps) -> Operations:
    return [op.triplet() for op in group]
