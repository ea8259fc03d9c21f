"""The guard in front of every measured diffraction pattern."""

from collections.abc import Sequence

import numpy as np

from comma_data.errors import CodedError
from comma_data.sample import RawPattern

FEWEST = 20
"""Points; fewer are no powder pattern."""
MOST = 200_000
"""Points; 180 degrees in steps of 0.001."""
WAVELENGTHS = (0.05, 10.0)
"""Å; beyond them nobody measures powder diffraction. Those of the usual tubes lie within in nm too: 0.154 is both."""


class PatternError(CodedError):
    """A pattern that cannot be used; `code` is the reason that is counted."""


def checked(
    two_theta: Sequence[float] | np.ndarray, intensity: Sequence[float] | np.ndarray, wavelength: float | None
) -> RawPattern:
    """A raw pattern of float64, once it is one.

    Args:
        two_theta: Degrees, (p,).
        intensity: Arbitrary units, (p,).
        wavelength: Å; None where the file does not say.

    Raises:
        PatternError: Code `different-lengths`, `too-few-points`, `too-many-points`, `bad-number` (NaN or infinite),
            `angles-not-rising`, `angle-out-of-range`, `negative-intensity`, `no-signal` (all intensities equal),
            `no-wavelength` or `wavelength-out-of-range`.
    """
    angles = np.asarray(two_theta, dtype=np.float64)
    values = np.asarray(intensity, dtype=np.float64)
    _check_points(angles, values)
    if np.any(np.diff(angles) <= 0):
        at = int(np.argmax(np.diff(angles) <= 0))
        raise PatternError("angles-not-rising", f"point {at + 1}: {angles[at + 1]:g}° behind {angles[at]:g}°")
    if angles[0] < 0 or angles[-1] >= 180:
        raise PatternError("angle-out-of-range", f"{angles[0]:g} to {angles[-1]:g}°: 2 theta is 0 to 180°")
    if values.min() < 0:
        raise PatternError("negative-intensity", f"{values.min():g}; give counts before the background is taken off")
    if values.min() == values.max():
        raise PatternError("no-signal", f"every intensity is {values[0]:g}")
    return RawPattern(two_theta=angles, intensity=values, wavelength=_checked_wavelength(wavelength))


def _check_points(angles: np.ndarray, values: np.ndarray) -> None:
    if angles.shape != values.shape or angles.ndim != 1:
        raise PatternError("different-lengths", f"{angles.size} angles and {values.size} intensities")
    if angles.size < FEWEST:
        raise PatternError("too-few-points", f"{angles.size} points: at least {FEWEST}")
    if angles.size > MOST:
        raise PatternError("too-many-points", f"{angles.size} points: at most {MOST}")
    bad = ~(np.isfinite(angles) & np.isfinite(values))
    if bad.any():
        at = int(np.argmax(bad))
        raise PatternError("bad-number", f"point {at}: ({angles[at]:g}, {values[at]:g}) is no pair of numbers")


def _checked_wavelength(wavelength: float | None) -> float:
    if wavelength is None:
        raise PatternError("no-wavelength", "the file states no wavelength; give it with the option `wavelength`, in Å")
    low, high = WAVELENGTHS
    if not low <= wavelength <= high:
        raise PatternError("wavelength-out-of-range", f"{wavelength:g} Å: {low:g} to {high:g} Å")
    return float(wavelength)
