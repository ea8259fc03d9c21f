"""XYZ and extended XYZ, one frame or many.

A frame is the number of atoms, a comment, and a line for each atom. In the extended form the comment holds
`key=value` pairs: `Lattice` (nine numbers, the vectors one after the other), `Properties` (`name:type:columns`, ...)
and `pbc`, as libAtoms/extxyz describes it.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.structure_formats.sites import Sites, Unread, full, molecule_cell, number, text_of

_PAIR = re.compile(r"""([A-Za-z_][\w.-]*)\s*=\s*("[^"]*"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|[^\s"']+)""")
_PLAIN = "species:S:1:pos:R:3"
_SYMBOLS = {str(z): symbol for symbol, z in ATOMIC_NUMBERS.items()}
_TRUE, _FALSE = {"t", "true", "1"}, {"f", "false", "0"}


def read_xyz(data: bytes) -> Iterator[Sites | Unread]:
    """The frames, numbered from 1. Where a frame's count of atoms is none, the rest of the file is one `Unread`.

    Blank lines between frames are passed over; the one behind a count is an empty comment.

    Without `pbc` a frame with `Lattice` repeats in all directions, one without in none.

    Raises:
        StructureError: Code `not-utf-8` or `no-atoms`.
    """
    lines = text_of(data).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise StructureError("no-atoms", "the file is empty")
    at, frame = 0, 1
    while at < len(lines):
        name = str(frame)
        count = lines[at].strip()
        if not count:
            at += 1
            continue
        if not (count.isascii() and count.isdigit() and int(count[:9]) <= len(lines) - at - 2):
            message = (
                f"line {at + 1}: {count[:40]!r} is not the number of atom lines that follow; correct it: nothing from"
                " here on was read"
            )
            yield Unread(name=name, error=StructureError("xyz-frame", message))
            return
        end = at + 2 + int(count)
        yield _frame(name, lines[at + 1], lines[at + 2 : end], at + 3)
        at, frame = end, frame + 1


def _frame(name: str, comment: str, rows: list[str], line: int) -> Sites | Unread:
    pairs = {key: value.strip("\"'[]{}") for key, value in _PAIR.findall(comment)}
    try:
        species, columns = _columns(pairs.get("Properties", _PLAIN))
        cells = [row.split() for row in rows]
        symbols = [_SYMBOLS.get(row[species], row[species]) for row in cells]
        positions = np.array([[number(text) for text in row[columns : columns + 3]] for row in cells])
        cell, periodic = _cell(pairs)
        return Sites(
            name=name,
            species=[full(symbol) for symbol in symbols],
            positions=positions.reshape(len(cells), 3),
            cell=cell,
            periodic=periodic,
        )
    except (ValueError, IndexError) as error:
        message = f"frame {name}, from line {line}: {error}; each atom is a line `symbol x y z`"
        return Unread(name=name, error=StructureError("xyz-unreadable", message))


def _columns(properties: str) -> tuple[int, int]:
    """Columns of the species and of the first coordinate."""
    parts = properties.split(":")
    starts: dict[str, int] = {}
    at = 0
    for name, width in zip(parts[::3], parts[2::3], strict=True):
        starts[name.lower()] = at
        at += int(width)
    species = next((starts[name] for name in ("species", "z", "numbers") if name in starts), None)
    if species is None or "pos" not in starts:
        raise ValueError(f"Properties={properties} name no species and pos")
    return species, starts["pos"]


def _cell(pairs: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    if "Lattice" not in pairs:
        cell, periodic = molecule_cell()
        if "pbc" in pairs and _flags(pairs["pbc"]).any():
            raise ValueError(f"pbc={pairs['pbc']} without Lattice")
        return cell, periodic
    numbers = [number(text) for text in pairs["Lattice"].replace(",", " ").split()]
    if len(numbers) != 9:
        raise ValueError(f"Lattice has {len(numbers)} numbers, not 9")
    cell = np.array(numbers).reshape(3, 3)
    periodic = _flags(pairs["pbc"]) if "pbc" in pairs else np.ones(3, dtype=bool)
    return np.where(periodic[:, None], cell, 0.0), periodic


def _flags(text: str) -> np.ndarray:
    words = text.replace(",", " ").lower().split()
    if len(words) != 3 or not set(words) <= _TRUE | _FALSE:
        raise ValueError(f"pbc={text} are not three of T and F")
    return np.array([word in _TRUE for word in words])
