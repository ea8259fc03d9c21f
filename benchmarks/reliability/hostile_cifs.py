"""CIF files with something wrong in them: mutants of sound ones, and texts that try to run code."""

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

Change = Callable[[bytes, np.random.Generator], bytes]

_NUMBERS = "0 -1 0.5 1e-3 1e-9 1e308 -1e308 1e-308 nan inf ? . 1(999999) 99999999999999999999 180 360 1e5".split()
_EXTREMES = [*_NUMBERS, "''", "'a b'", ";", "$x", "data_", "loop_", "x,y,z"]
_WORD = re.compile(rb"[^\s]+")
_DIGIT = re.compile(rb"(?<= |\d|\.)\d")
_NUMBER = re.compile(rb"(?<=\s)-?\d+(?:\.\d+)?(?=\s)")
_SYMBOL = re.compile(rb"(?<=^  )(?:Na|Cl|Ti|O|K|Fe)(?=[\s\d])", re.MULTILINE)
_OPERATION = re.compile(rb"'[-+xyz, /\d]+'")


def originals() -> list[str]:
    """Sound files: symmetric and plain ones, with oxidation states, disorder and magnetic moments."""
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    rutile = Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
    )
    shared = Structure(Lattice.cubic(3.9), [{"Na": 0.6, "K": 0.4}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    charged = salt.copy().add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    magnetic = Structure(
        Lattice.cubic(2.87), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]], site_properties={"magmom": [2.2, -2.2]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the labels of sites are not unique: one fault more
        plain = [str(CifWriter(crystal)) for crystal in (salt, rutile, shared, charged)]
        symmetric = [str(CifWriter(crystal, symprec=0.01)) for crystal in (salt, rutile)]
        return [*plain, *symmetric, str(CifWriter(magnetic, write_magmoms=True))]


def payloads(canary: Path) -> list[str]:
    """Sound files in which every place that was ever evaluated as code makes the file `canary`, if it is run.

    The shape is that of CVE-2024-23346: a transformation of the magnetic setting that is a Python expression.
    """
    call = (
        "[c for c in ().__class__.__mro__[1].__subclasses__() if c.__name__=='BuiltinImporter'][0]"
        f".load_module('os').system('touch {canary}')"
    )
    hidden = call.replace(".__mro__[1].__subclasses__()", ".__mro__[1].__getattribute__(object,'__sub'+'classes__')()")
    texts = []
    for code in (call, hidden, f"__import__('os').system('touch {canary}')"):
        for original in originals():
            texts.append(f'{original}\n_space_group_magn.transform_BNS_Pp_abc "a,b,{code};0,0,0"\n')
            texts[-1] += "_space_group_magn.number_BNS 62.448\n"
            texts.append(original.replace("'x, y, z'", f'"{code}"'))
            texts.append(original.replace("90.00000000", f'"{code}"'))
    return texts


def mutants(count: int, seed: int = 0) -> Iterator[bytes]:
    """Originals, each changed one to four times: three of four by changes that keep the syntax of CIF."""
    rng = np.random.default_rng(seed)
    sources = [text.encode() for text in originals()]
    for i in range(count):
        data = sources[i % len(sources)]
        changes = _BLUNT if rng.integers(4) == 0 else _CAREFUL
        for _ in range(rng.integers(1, 5)):
            data = changes[rng.integers(len(changes))](data, rng)
        yield data


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data or b" ")
    changed[rng.integers(len(changed))] = rng.integers(256)
    return bytes(changed)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def _move_line(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    lines.insert(rng.integers(len(lines)), lines.pop(rng.integers(len(lines))))
    return b"\n".join(lines)


def _extreme(data: bytes, rng: np.random.Generator) -> bytes:
    """Another word in the place of one."""
    return _replaced(data, _WORD, _EXTREMES, rng)


def _digit(data: bytes, rng: np.random.Generator) -> bytes:
    return _replaced(data, _DIGIT, list("0123456789"), rng)


def _value(data: bytes, rng: np.random.Generator) -> bytes:
    """Another number in the place of one."""
    return _replaced(data, _NUMBER, _NUMBERS, rng)


def _symbol(data: bytes, rng: np.random.Generator) -> bytes:
    return _replaced(data, _SYMBOL, ["Na", "D", "T", "Xx", "X", "Og", "Uuo", "Na9+", "O2-", "Vac", "H2O", "1"], rng)


def _operation(data: bytes, rng: np.random.Generator) -> bytes:
    operations = ["'x, y, z'", "'x, x, x'", "'-x, y+1/3, z'", "'x+1/0, y, z'", "'0, 0, 0'", "'2x, y, z'", "'x^9, y, z'"]
    return _replaced(data, _OPERATION, operations, rng)


def _row(data: bytes, rng: np.random.Generator) -> bytes:
    """A row of a loop dropped, or put in up to 60 times more."""
    lines = data.split(b"\n")
    rows = [i for i, line in enumerate(lines) if line.startswith(b"  ")]
    if not rows:
        return data
    at = rows[rng.integers(len(rows))]
    lines[at : at + 1] = [lines[at]] * int(rng.choice([0, 2, 3, 60]))
    return b"\n".join(lines)


def _replaced(data: bytes, pattern: re.Pattern[bytes], choices: list[str], rng: np.random.Generator) -> bytes:
    places = list(pattern.finditer(data))
    if not places:
        return data
    start, end = places[rng.integers(len(places))].span()
    return data[:start] + choices[rng.integers(len(choices))].encode() + data[end:]


_BLUNT: tuple[Change, ...] = (_flip, _cut, _move_line, _extreme)
_CAREFUL: tuple[Change, ...] = (_digit, _digit, _value, _value, _symbol, _operation, _row)
