"""Patterns in columns of text (.xy, .xye, .dat, .csv): angle, intensity, and the uncertainty where there is a third."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from comma_data.patterns import MOST, PatternError

COMMENTS = "#;!%'\"*/"
"""First characters of a line that holds no data."""
LONGEST_HEADER = 1000
"""Lines."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?|[+-]?(?:nan|inf)", re.IGNORECASE)
_UNIT = r"(?:nm|pm|m|[aå](?:ng(?:str(?:ö|oe?)ms?|\.)?)?)(?![^\W_])"
_WAVELENGTH = re.compile(
    rf"""
    (?:wave\s?lengths?|(?<![^\W_])(?<!/)(?<!/\s)(?:lambda|λ))  # no Δλ/λ
    (?:_?\d(?!\.?\d)|\s\d(?=\s?[:=]))?  # Lambda1
    (?:\s?[(\[]?[a-z]{{2}}[\s-]?k[\s-]?(?:alpha|α|a|beta|β|b)?[\s-]?[12]?[)\]]?(?=\s?[:=]))?  # Cu Ka1 =
    (?:[\s_:,/]{{0,3}}(?:in\s)?[(\[]?(?P<front>{_UNIT})[)\]]?)?
    [\s:=,;"']{{0,20}}
    (?P<value>\d{{0,3}}\.\d+(?:e[+-]?\d\d?)?(?!\.?\d)|\d,\d\d+(?![.,]?\d))
    (?:(?:\(\d{{1,3}}\))?[\s,;"']{{0,5}}[(\[]?(?P<behind>{_UNIT})|(?!\s{{0,3}}(?:k?ev|mm|cm|μm|%|°)))
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Only separators, a unit, or a line's name before `=` may stand between: other words name another number."""
_ANGSTROMS = {"nm": 10.0, "pm": 0.01, "m": 1e10}
"""Å in a unit."""
_METRES = 1e-8
"""A wavelength below this is in metres, as pyFAI's headers have it without a unit; metres above it are a distance."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What such a file says."""

    two_theta: list[float]
    """Degrees."""
    intensity: list[float]
    wavelength: float | None
    """Å, where a line above the data or a comment states it, in Å, nm, pm or m; without a unit it is in Å."""


def read_columns(text: str) -> Columns:
    """Read two or three columns between white space, commas or semicolons, with decimal points or commas.

    Lines above the first pair of numbers are a header; a line that begins with one of `COMMENTS` is a comment.

    Raises:
        PatternError: Code `no-data`, `too-many-points`, `bad-columns` (one, or more than three), or `bad-line`.
    """
    if text.count("\n") > MOST + LONGEST_HEADER:
        raise PatternError("too-many-points", f"{text.count(chr(10))} lines: at most {MOST} points")
    rows: list[list[float]] = []
    remarks: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [] if line.lstrip()[:1] in COMMENTS else _cells(line)
        numeric = len(cells) > 1 and all(_NUMBER.fullmatch(cell) for cell in cells)
        if numeric:
            rows.append([float(cell) for cell in cells])
        elif cells and rows:
            raise PatternError("bad-line", f"line {number}, {line[:60]!r}, is no row of numbers; remove or comment it")
        else:
            remarks.append(line[:500])
    return Columns(**_by_column(rows), wavelength=next(_wavelengths(remarks), None))


def _cells(line: str) -> list[str]:
    """The cells of a row. A comma is the decimal sign beside semicolons, or inside words between white space."""
    line = line[:500].strip()
    if ";" in line:
        return [cell.strip() for cell in line.replace(",", ".").rstrip("; ").split(";")]
    words = line.split()
    if len(words) > 1 and "." not in line and not any(word.startswith(",") or word.endswith(",") for word in words):
        return [word.replace(",", ".") for word in words]
    return [cell for cell in re.split(r"\s*,\s*|\s+", line) if cell]


def _by_column(rows: list[list[float]]) -> dict[str, list[float]]:
    widths = {len(row) for row in rows}
    if not rows:
        raise PatternError("no-data", "no row of two numbers")
    if len(widths) > 1 or max(widths) > 3:
        found = ", ".join(map(str, sorted(widths)[:4]))
        raise PatternError("bad-columns", f"rows of {found} numbers; give angle and intensity, and no others")
    return {"two_theta": [row[0] for row in rows], "intensity": [row[1] for row in rows]}


def _wavelengths(remarks: list[str]) -> Iterator[float]:
    for line in remarks:
        for match in _WAVELENGTH.finditer(unicodedata.normalize("NFKC", line)):
            value = float(match["value"].replace(",", "."))
            unit = (match["behind"] or match["front"] or ("m" if value < _METRES else "Å")).lower()
            if unit != "m" or value < _METRES:
                yield value * _ANGSTROMS.get(unit, 1.0)
