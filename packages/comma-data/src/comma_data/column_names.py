"""What the columns of a powder pattern hold, by the names above them: which one is the angle, in which unit."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from comma_data.patterns import PatternError

Axis = Literal["two_theta", "theta", "q", "d", "other"]

_SEPARATORS = (r"\s*;\s*", r"\s*\t\s*", r"\s*,\s*", r"\s{2,}", r"(?<!/)\s+(?![\[(/])")
"""What may stand between names, the surest first; the white space around a unit is none."""
_WORDS = re.compile(r"\b(d|q|2|two|scattering|diffraction)\s(?=(?:spacing|value|vector|theta|angle|θ))")
"""Of one name that is written in two."""
_THETA = r"(?:θ|th(?:eta)?)"
_NAMES: dict[Axis, re.Pattern[str]] = {
    "two_theta": re.compile(rf"(?:2|two|t)[\s_*·-]?{_THETA}|(?:(?:diffraction|scattering)[\s_-]?)?angle|pos\."),
    "theta": re.compile(_THETA),
    "q": re.compile(r"q(?:[\s_-]?vector)?|scattering[\s_-]vector"),
    "d": re.compile(r"d(?:[\s_-]?(?:spacings?|values?))?"),
    "other": re.compile(r"r_m{1,2}|radius|energy|tof|time(?:[\s_-]of[\s_-]flight)?|channel|omega|chi|phi|d\*2.*"),
}
_INTENSITY = r"i|int\.?|intensit(?:y|ies)|counts?|cps|y|[iy][\s_-]?obs|obs(?:erved)?|signal|psd"
_BESIDE = re.compile(r"no\.?|n|#|index|points?|e|.*(?:calc|err|sigma|σ|e\.?s\.?d|std|uncert|backgr|bkg).*")
"""Numbers of rows, uncertainties, and what is not measured."""
_UNIT = r"(?P<unit>[\s_\[(/°.](?:(?!\d\d|\.\d|[3-9]|\s\w+\s\w).){0,24})?"
"""Behind a name; other numbers than those of 1/nm and °2θ are values, and several words a remark."""
_RADIANS = re.compile(r"(?<![a-z])rad(?:ians?)?(?![a-z])")
_ANGSTROM = re.compile(r"(?<![a-z])(?:å|a|ang(?:str(?:ö|oe?)ms?)?)(?![a-z])")


@dataclass(frozen=True, kw_only=True)
class Named:
    """The columns of a pattern."""

    axis: Axis
    unit: str
    """As it is written, in small letters; empty where it is not."""
    at: int
    """Column of the axis."""
    intensity: int
    """Column of the intensity."""


UNNAMED = Named(axis="two_theta", unit="", at=0, intensity=1)
"""What columns hold that nobody names."""


def named(head: Sequence[str], width: int) -> Named | None:
    """What the last line of names tells, None where no line of `head` has as many names as there are columns.

    A line of names has an axis, and an intensity or, behind the axis and by real separators, something else: so far no
    pair of a header such as `Scan axis, 2Theta` is one. A line of units may follow it.

    Args:
        head: Lines above the numbers, without comment signs.
        width: Number of columns.

    Raises:
        PatternError: Code `bad-columns`: a line begins with the names of another axis than two theta and of an
            intensity, and has not as many names as there are columns.
    """
    spelt = [_WORDS.sub(r"\1_", unicodedata.normalize("NFKC", line).lower()) for line in head]
    lines = [split for line in spelt if (split := _split(line, width)) is not None]
    for i in reversed(range(len(lines))):
        found = _of_line(lines[i][0], sure=lines[i][1])
        if found is not None:
            below = lines[i + 1][0][found.at] if i + 1 < len(lines) else ""
            return replace(found, unit=found.unit or below)
    for line in spelt:
        first, second, *_ = [*re.split("|".join(_SEPARATORS), line.strip()), "", ""]
        if any(_is(axis, first) for axis in ("theta", "q", "d")) and _is_intensity(second):
            raise PatternError("bad-columns", f"{line.strip()[:60]!r} does not name {width} columns; name each of them")
    return None


def _of_line(cells: list[str], *, sure: bool) -> Named | None:
    axes = [(axis, at, _is(axis, cell)) for axis in _NAMES for at, cell in enumerate(cells)]
    axis, at, match = next((found for found in axes if found[2]), ("other", -1, None))
    if match is None:
        return None
    others = {at for _, at, match in axes if match}
    rest = [i for i, cell in enumerate(cells) if i not in others and cell and not _BESIDE.fullmatch(cell)]
    unit = (match["unit"] or "").strip()
    values = [i for i in rest if _is_intensity(cells[i])]
    if not values and sure and at == 0 and axis != "other" and (unit or axis != "theta"):
        values = rest
    return Named(axis=axis, unit=unit, at=at, intensity=values[0]) if values else None


def two_theta(values: np.ndarray, axis: Named, wavelength: float | None) -> np.ndarray:
    """Degrees, of the values of an axis in its own order and unit.

    2θ = 2 asin(q λ / 4π) = 2 asin(λ / 2d): W. L. Bragg, Proc. Camb. Phil. Soc. 17, 43 (1913).

    Raises:
        PatternError: Code `no-two-theta` (another axis), `no-unit` (q or d without one), `no-wavelength`, or
            `angle-out-of-range` (q or d beyond the reach of the wavelength).
    """
    if axis.axis in {"two_theta", "theta"}:
        degrees = np.degrees(values) if _RADIANS.search(axis.unit) else values
        return degrees * 2 if axis.axis == "theta" else degrees
    if axis.axis == "other":
        raise PatternError("no-two-theta", "no column is 2 theta, theta, q or d, by the names above; give one of them")
    scale = _angstroms(axis)
    if wavelength is None:
        message = f"{axis.axis} is no angle without a wavelength, and the file states none; give it with the option"
        raise PatternError("no-wavelength", f"{message} `wavelength`, in Å")
    with np.errstate(all="ignore"):  # a spacing of 0 is out of range, as is what overflows
        sine = values / scale * wavelength / (4 * np.pi) if axis.axis == "q" else wavelength / (2 * values * scale)
    out = (sine > 1) | (sine < 0)
    if out.any():
        raise PatternError(
            "angle-out-of-range",
            f"{axis.axis} = {values[out][0]:g} has no angle at {wavelength:g} Å; leave such points out, or correct the "
            "wavelength or the unit",
        )
    return 2 * np.degrees(np.arcsin(sine))


def _angstroms(axis: Named) -> float:
    """Å in the unit of length that q or d is given in."""
    if "nm" in axis.unit:
        return 10.0
    if _ANGSTROM.search(axis.unit):
        return 1.0
    example = "q_A^-1 or q_nm^-1" if axis.axis == "q" else "d (A) or d (nm)"
    raise PatternError("no-unit", f"the column {axis.axis} has no unit that is known; name it {example}")


def _split(line: str, width: int) -> tuple[list[str], bool] | None:
    """Names in a line, as many as there are columns, and whether they are surely names; None where it has others."""
    for separator in _SEPARATORS:
        cells = [cell.strip(" \t\"'") for cell in re.split(separator, line.strip(" \t,;"))]
        if len(cells) == width and not any(re.fullmatch(r"[-+\d.,e]+", cell) for cell in cells):
            return cells, separator != _SEPARATORS[-1]
    return None


def _is(axis: Axis, cell: str) -> re.Match[str] | None:
    return re.fullmatch(f"°?(?:{_NAMES[axis].pattern}){_UNIT}", cell)


def _is_intensity(cell: str) -> bool:
    return re.fullmatch(f"(?:{_INTENSITY}){_UNIT}", cell) is not None
