"""Lengths per pixel in the units that microscopes write -> nm per pixel."""

from collections.abc import Mapping
from math import isfinite

NANOMETRES: Mapping[str, float] = {
    "m": 1e9,
    "cm": 1e7,
    "mm": 1e6,
    "µm": 1e3,
    "um": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "nm": 1.0,
    "n_m": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "å": 0.1,
    "a": 0.1,
    "angstrom": 0.1,
    "ångström": 0.1,
    "ångstrom": 0.1,
    "pm": 1e-3,
    "inch": 2.54e7,
    "in": 2.54e7,
}
"""Unit, in lower case -> nm. `n_m` is how NCEM EMD files write it."""
SMALLEST, LARGEST = 1e-5, 1e6
"""Nanometres per pixel beyond which a value is an error of the file."""
ANISOTROPY = 0.01
"""Relative difference of the two directions up to which one number stands for both."""


def to_nm(value: object, unit: str) -> float | None:
    """A length per pixel in nm; None where the unit is no length or the value is none that a microscope can have.

    Args:
        value: A number, or text of one.
        unit: As the file writes it, e.g. `µm`, `[n_m]`, `Å`.
    """
    factor = NANOMETRES.get(unit.strip().strip("[]").replace("\\u00B5", "µ").replace("μ", "µ").lower())
    try:
        number = float(str(value))
    except ValueError:
        return None
    if factor is None or not isfinite(number):
        return None
    nm = number * factor
    return nm if SMALLEST < nm < LARGEST else None


def square(x: float | None, y: float | None) -> float | None:
    """One number for both directions; None where they differ, as one number cannot say that."""
    if x is None or y is None:
        return x or y
    return x if abs(x - y) <= ANISOTROPY * x else None
