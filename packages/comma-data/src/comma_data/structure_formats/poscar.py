"""POSCAR and CONTCAR, the structure files of VASP 4 (with symbols beside the coordinates), 5 and 6.

The format is that of https://www.vasp.at/wiki/POSCAR. Read here and not by pymatgen, which invents elements where a
file names none, builds as many atoms as a file asks for, and does not know the three scaling factors of VASP 6.
"""

from collections.abc import Iterator

import numpy as np

from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.structure_formats.sites import Sites, Unread, cartesian, full, number, text_of


def read_poscar(data: bytes) -> Iterator[Sites | Unread]:
    """The one structure of the file; velocities and what else follows the positions are passed over.

    Raises:
        StructureError: Code `not-utf-8`, `no-symbols` or `poscar-unreadable`.
    """
    lines = text_of(data).splitlines()
    try:
        yield _structure(lines)
    except (ValueError, IndexError) as error:
        raise StructureError("poscar-unreadable", f"not a POSCAR file: {error}") from error


def _structure(lines: list[str]) -> Sites:
    scales = np.array([number(text) for text in lines[1].split() if _is_number(text)])
    cell = np.array([_vector(line) for line in lines[2:5]])
    symbols, counts, at = _counts(lines)
    if lines[at].strip()[:1] in "sS":
        at += 1
    absolute = lines[at].strip()[:1] in "cCkK"
    rows = lines[at + 1 : at + 1 + sum(counts)]
    if len(rows) != sum(counts) or not rows:
        raise ValueError(f"{sum(counts)} atoms are announced, {len(rows)} lines follow")
    named = np.repeat(symbols, counts).tolist() if symbols else _beside(rows)
    given = np.array([_vector(row) for row in rows])
    scale = _scale(scales, cell)
    scaled = cartesian(cell, np.diag(scale))
    return Sites(
        name="1",
        species=[full(symbol) for symbol in named],
        positions=cartesian(given, np.diag(scale)) if absolute else cartesian(given, scaled),
        cell=scaled,
        periodic=np.ones(3, dtype=bool),
    )


def _counts(lines: list[str]) -> tuple[list[str], list[int], int]:
    """Symbols (none in VASP 4), their counts, and the line behind; either may take several lines."""
    at = 5
    symbols: list[str] = []
    while not lines[at].split()[0].isdecimal():
        symbols += [text.split("/")[0].split("_")[0] for text in lines[at].split()]
        at += 1
    counts = _whole(lines[at])
    while len(counts) < len(symbols):
        at += 1
        counts += _whole(lines[at])
    if symbols and len(symbols) != len(counts):
        raise ValueError(f"{len(symbols)} symbols and {len(counts)} counts of atoms")
    return symbols, counts, at + 1


def _whole(line: str) -> list[int]:
    counts = []
    for text in line.split():
        if not (text.isascii() and text.isdigit()):
            break  # a comment
        counts.append(int(text[:12]))
    if not counts:
        raise ValueError(f"{line[:40]!r} are no counts of atoms")
    return counts


def _beside(rows: list[str]) -> list[str]:
    """Symbols behind the coordinates, or behind the three flags of selective dynamics."""
    for column in (3, 6):
        symbols = [(row.split() + [""] * 7)[column] for row in rows]
        if all(symbol in ATOMIC_NUMBERS for symbol in symbols):
            return symbols
    raise StructureError("no-symbols", "no line names the elements (VASP 4); add the line of symbols of VASP 5")


def _scale(scales: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Factors (3,) of the Cartesian components; one negative number is the volume in Å³."""
    if len(scales) == 1 and scales[0] < 0:
        return np.full(3, (-scales[0] / abs(np.linalg.det(cell))) ** (1 / 3)) if np.linalg.det(cell) else np.ones(3)
    if len(scales) not in {1, 3} or (scales <= 0).any():
        raise ValueError("the second line is one scaling factor, or three positive ones")
    return np.broadcast_to(scales, 3)


def _vector(line: str) -> list[float]:
    values = [number(text) for text in line.split()[:3]]
    if len(values) != 3:
        raise ValueError(f"{line[:60]!r} is no vector")
    return values


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True
