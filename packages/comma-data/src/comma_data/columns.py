"""Patterns in columns of text (.xy, .xye, .dat, .csv): angle, intensity, and the uncertainty where there is a third.

Names above the columns may say otherwise: q, d or theta in the place of two theta, radians, and another order.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from comma_data.column_names import UNNAMED, named, two_theta
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


def read_columns(text: str, *, wavelength: float | None = None) -> Columns:
    """Read two or three columns between white space, commas or semicolons, with decimal points or commas.

    Lines above the first pair of numbers are a header; a line that begins with one of `COMMENTS` is a comment. Without
    names above them, the columns are two theta in degrees and intensity. By their names, q, d and theta become two
    theta, and there may be more columns.

    Args:
        text: The file.
        wavelength: Å, of q and d in a file that states none.

    Raises:
        PatternError: Code `no-data`, `too-many-points`, `bad-columns` (one, or more than three without names),
            `bad-line`, or one of `column_names.two_theta`.
    """
    if text.count("\n") > MOST + LONGEST_HEADER:
        raise PatternError("too-many-points", f"{text.count(chr(10))} lines: at most {MOST} points")
    rows: list[list[float]] = []
    remarks: list[str] = []
    head: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [] if line.lstrip()[:1] in COMMENTS else _cells(line)
        numeric = len(cells) > 1 and all(_NUMBER.fullmatch(cell) for cell in cells)
        if numeric:
            rows.append([float(cell) for cell in cells])
        elif cells and rows:
            raise PatternError("bad-line", f"line {number}, {line[:60]!r}, is no row of numbers; remove or comment it")
        else:
            remarks.append(line[:500])
            if not rows:
                head.append(line[:500])
    stated = next(_wavelengths(remarks), None)
    return Columns(**_by_column(rows, head, wavelength if stated is None else stated), wavelength=stated)


def _cells(line: str) -> list[str]:
    """The cells of a row. A comma is the decimal sign beside semicolons, or inside words between white space."""
    line = line[:500].strip()
    if ";" in line:
        return [cell.strip() for cell in line.replace(",", ".").rstrip("; ").split(";")]
    words = line.split()
    if len(words) > 1 and "." not in line and not any(word.startswith(",") or word.endswith(",") for word in words):
        return [word.replace(",", ".") for word in words]
    return [cell for cell in re.split(r"\s*,\s*|\s+", line) if cell]


def _by_column(rows: list[list[float]], head: list[str], wavelength: float | None) -> dict[str, list[float]]:
    widths = {len(row) for row in rows}
    if not rows:
        raise PatternError("no-data", "no row of two numbers")
    found = named([line.lstrip(COMMENTS + " \t") for line in head if line.strip()][-4:], max(widths))
    if len(widths) > 1 or (max(widths) > 3 and found is None):
        numbers = ", ".join(map(str, sorted(widths)[:4]))
        raise PatternError("bad-columns", f"rows of {numbers} numbers; give angle and intensity, and no others")
    columns = found or UNNAMED
    values, intensity = [row[columns.at] for row in rows], [row[columns.intensity] for row in rows]
    angles = two_theta(np.array(values), columns, wavelength).tolist()
    step = -1 if columns.axis == "d" and angles[0] > angles[-1] else 1  # in the order of d, angles fall
    return {"two_theta": angles[::step], "intensity": intensity[::step]}


def _wavelengths(remarks: list[str]) -> Iterator[float]:
    for line in remarks:
        for match in _WAVELENGTH.finditer(unicodedata.normalize("NFKC", line)):
            value = float(match["value"].replace(",", "."))
            unit = (match["behind"] or match["front"] or ("m" if value < _METRES else "Å")).lower()
            if unit != "m" or value < _METRES:
                yield value * _ANGSTROMS.get(unit, 1.0)
