"""MDL molfiles and SD files (`.mol`, `.sdf`), V2000 and V3000: atoms, coordinates and charges.

After the description in CTfile Formats (BIOVIA, 2020): three lines of header, a counts line, the atom block, and the
property block with `M  CHG`; in V3000 lines `M  V30`. Bonds are passed over.
"""

import re
from collections.abc import Iterator

import numpy as np

from comma_data.errors import StructureError
from comma_data.structure_formats.sites import Sites, Unread, full, molecule_cell, number, text_of

_END = re.compile(r"^\$\$\$\$[^\n]*\n?", re.MULTILINE)
_CHARGES = {1: 3.0, 2: 2.0, 3: 1.0, 5: -1.0, 6: -2.0, 7: -3.0}
"""Code in the atom block -> charge; 0 is none, 4 a radical."""

Atom = tuple[str, float, tuple[float, float, float]]
"""Symbol, formal charge, coordinates in Å."""


def read_molfile(data: bytes) -> Iterator[Sites | Unread]:
    """The molecules, numbered from 1.

    A molecule is `Unread` with the code `two-dimensional` where the header calls its coordinates a drawing,
    `query-molecule` where it has atom lists or repeating units, and else `sdf-unreadable`.

    Raises:
        StructureError: Code `not-utf-8` or `no-atoms`.
    """
    records = _END.split(text_of(data).replace("\r\n", "\n"))
    if not records[-1].strip():
        records.pop()
    if not records:
        raise StructureError("no-atoms", "the file is empty")
    for index, record in enumerate(records, start=1):
        yield _molecule(str(index), record.split("\n"))


def _molecule(name: str, lines: list[str]) -> Sites | Unread:
    if "".join(lines[1:2])[20:22] == "2D":
        message = f"molecule {name} is a drawing; give coordinates in space"
        return Unread(name=name, error=StructureError("two-dimensional", message))
    try:
        atoms = _v3000(lines) if "V3000" in lines[3] else _v2000(lines)
    except StructureError as error:
        return Unread(name=name, error=error)
    except (ValueError, IndexError) as error:
        return Unread(name=name, error=StructureError("sdf-unreadable", f"molecule {name}: {error}"))
    cell, periodic = molecule_cell()
    return Sites(
        name=name,
        species=[full(symbol, charge) for symbol, charge, _ in atoms],
        positions=np.array([position for _, _, position in atoms]).reshape(-1, 3),
        cell=cell,
        periodic=periodic,
    )


def _v2000(lines: list[str]) -> list[Atom]:
    count = int(lines[3][:3])
    rows = lines[4 : 4 + count]
    if len(rows) != count:
        raise ValueError(f"{count} atoms are announced, {len(rows)} lines follow")
    atoms = [_v2000_atom(row) for row in rows]
    stated = dict(_stated_charges(lines[4 + count :]))
    if not set(stated) <= set(range(count)):
        raise ValueError(f"M  CHG names an atom beyond {count}")
    if not stated:
        return atoms
    return [(symbol, stated.get(i, 0.0), position) for i, (symbol, _, position) in enumerate(atoms)]


def _v2000_atom(row: str) -> Atom:
    position = (number(row[:10]), number(row[10:20]), number(row[20:30]))
    return row[31:34].strip(), _CHARGES.get(int(row[36:39].strip() or 0), 0.0), position


def _stated_charges(lines: list[str]) -> Iterator[tuple[int, float]]:
    """Index and charge of the atoms in `M  CHG` lines; where there is one, it replaces the atom block's charges."""
    for line in lines:
        if line.startswith("M  END"):
            return
        if line.startswith("M  CHG"):
            values = [int(text) for text in line[9:].split()]
            yield from zip((i - 1 for i in values[::2]), map(float, values[1::2]), strict=True)


def _v3000(lines: list[str]) -> list[Atom]:
    entries = _v30_lines(lines)
    begin, end = entries.index("BEGIN ATOM"), entries.index("END ATOM")
    atoms = [_v3000_atom(entry.split()) for entry in entries[begin + 1 : end]]
    count = int(next(entry for entry in entries if entry.startswith("COUNTS")).split()[1])
    if len(atoms) != count:
        raise ValueError(f"{count} atoms are announced, {len(atoms)} lines follow")
    return atoms


def _v30_lines(lines: list[str]) -> list[str]:
    """Content of the V30 lines; one that ends in a hyphen goes on in the next."""
    entries: list[str] = []
    open_line = ""
    for line in lines:
        if line.startswith("M  V30 "):
            content = open_line + line[7:].rstrip()
            open_line = content[:-1] if content.endswith("-") else ""
            if not content.endswith("-"):
                entries.append(content.strip())
    if not any(entry.startswith("COUNTS") for entry in entries) or not {"BEGIN ATOM", "END ATOM"} <= set(entries):
        raise ValueError("no counts or no atom block in a V3000 file")
    return entries


def _v3000_atom(words: list[str]) -> Atom:
    symbol = words[1]
    if symbol.startswith(("[", '"', "NOT")):
        raise StructureError("query-molecule", f"atom {words[0]} is a list of elements; give one molecule")
    charges = [float(word[4:]) for word in words[6:] if word.startswith("CHG=")]
    return symbol, charges[0] if charges else 0.0, (number(words[2]), number(words[3]), number(words[4]))
