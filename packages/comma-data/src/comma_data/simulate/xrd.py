"""Powder X-ray diffraction patterns of a crystal: lines, broadened, with background and counting noise."""

import numpy as np

from comma_data.errors import ConfigError, StructureError
from comma_data.sample import RawPattern, RawStructure
from comma_data.simulate.broadening import Broadening, profile
from comma_data.simulate.reflections import CU_K_ALPHA, lines

MARGIN = 2.0
"""Lines this far (degrees) outside the measured range still reach into it with their tails."""


def pattern(  # noqa: PLR0913 - one keyword for each physical condition, all with defaults
    structure: RawStructure,
    *,
    wavelength: float = CU_K_ALPHA,
    size_nm: float = 40.0,
    strain: float = 0.0,
    instrument: float = 0.05,
    background: float = 0.0,
    counts: float | None = None,
    seed: int | None = None,
    two_theta: tuple[float, float] = (10.0, 90.0),
    step: float = 0.02,
) -> RawPattern:
    """The pattern that a diffractometer in Bragg-Brentano geometry would record of an ideal powder.

    Args:
        structure: periodic in three directions.
        wavelength: Å.
        size_nm: crystallite size, nm (Scherrer broadening).
        strain: root mean square microstrain, a plain number.
        instrument: full width at half maximum of the instrument's own profile, degrees.
        background: height at the first angle, as a fraction of the strongest line; half of it decays over 20 degrees.
        counts: expected counts at the maximum; None for a pattern without noise, whose maximum is 1.
        seed: of the counting noise; needed when `counts` is given, otherwise without effect.
        two_theta: first and last angle, degrees.
        step: degrees.

    Returns:
        Angles as float64 and intensities as float32, (last - first) / step + 1 of each.

    Raises:
        StructureError: as `lines`, or `no-reflections` where the range holds none.
        ConfigError: an argument that cannot be.
    """
    _check_positive(size_nm=size_nm, step=step, counts=1.0 if counts is None else counts)
    _check_not_negative(strain=strain, instrument=instrument)
    if counts is not None and seed is None:
        raise ConfigError("counts without a seed: give a seed, so that the noise can be repeated")
    first, last = two_theta
    wide = (max(first - MARGIN, 0.0), min(last + MARGIN, max(last, 178.0)))
    found = lines(structure, wavelength=wavelength, two_theta=wide)
    angles = first + step * np.arange(round((last - first) / step) + 1)
    by = Broadening(wavelength=wavelength, size_nm=size_nm, strain=strain, instrument=instrument)
    smooth = profile(found, angles, by)
    if not smooth.max(initial=0.0) > 0:
        msg = f"no reflection between {first} and {last} degrees at {wavelength} Å: widen the range"
        raise StructureError("no-reflections", msg)
    intensity = _recorded(smooth, angles, background, counts, seed)
    return RawPattern(two_theta=angles, intensity=intensity.astype(np.float32), wavelength=wavelength)


def _recorded(
    smooth: np.ndarray, angles: np.ndarray, background: float, counts: float | None, seed: int | None
) -> np.ndarray:
    """Lines and background, the maximum at 1, or Poisson counts of it."""
    with_background = smooth / smooth.max() + background * (0.5 + 0.5 * np.exp(-(angles - angles[0]) / 20.0))
    intensity = with_background / with_background.max()
    return intensity if counts is None else np.random.default_rng(seed).poisson(counts * intensity)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (value > 0 and np.isfinite(value)):
            raise ConfigError(f"{name} is {value}: give a finite number above 0")


def _check_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not (value >= 0 and np.isfinite(value)):
            raise ConfigError(f"{name} is {value}: give a finite number of 0 or more")
