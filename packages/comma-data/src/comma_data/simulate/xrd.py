"""Powder X-ray diffraction patterns of a crystal: kinematic lines, broadened, with background and counting noise."""

from dataclasses import dataclass

import numpy as np
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Lattice, Structure

from comma_data.errors import ConfigError, StructureError
from comma_data.sample import RawPattern, RawStructure

CU_K_ALPHA = 1.54184
"""Å, the mean of the copper doublet."""

MARGIN = 2.0
"""Lines this far (degrees) outside the measured range still reach into it with their tails."""

REACH = 25.0
"""A line is drawn out to this many widths: a Lorentzian is down to 1/2500 of its height there."""

ABSENT = 1e-6
"""Electrons squared: weaker than this is what rounding leaves of a systematic absence. Hydrogen scatters about 1."""


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The reflections of a powder, neighbours closer than 1e-5 degrees merged."""

    two_theta: np.ndarray
    """(l,), degrees, rising."""
    intensity: np.ndarray
    """(l,), integrated, electrons squared times multiplicity and Lorentz-polarisation factor."""


def lines(
    structure: RawStructure, *, wavelength: float = CU_K_ALPHA, two_theta: tuple[float, float] = (10.0, 90.0)
) -> Lines:
    """Positions and integrated intensities of the reflections, by pymatgen's `XRDCalculator` without refinement.

    Args:
        structure: periodic in three directions; atoms do not vibrate (no Debye-Waller factor).
        wavelength: Å.
        two_theta: first and last angle, degrees, from 0 to below 180.

    Raises:
        StructureError: `not-periodic`, or `no-scattering-factor` (elements beyond Cf).
        ConfigError: an angle or a wavelength that cannot be.
    """
    _check(wavelength, two_theta)
    if not np.all(structure["periodic"]):
        msg = "a powder pattern needs a structure that is periodic in three directions: leave molecules and slabs out"
        raise StructureError("not-periodic", msg)
    crystal = Structure(
        Lattice(structure["cell"]), list(structure["numbers"]), structure["positions"], coords_are_cartesian=True
    )
    return _reflections(crystal, wavelength, two_theta)


def _reflections(crystal: Structure, wavelength: float, two_theta: tuple[float, float]) -> Lines:
    if not _reachable(crystal.lattice, wavelength, two_theta):
        return Lines(two_theta=np.empty(0), intensity=np.empty(0))
    try:
        found = XRDCalculator(wavelength, symprec=0).get_pattern(crystal, scaled=False, two_theta_range=two_theta)
    except ValueError as error:
        if "scattering coefficients" in str(error):
            raise StructureError("no-scattering-factor", str(error)) from error
        raise
    real = np.asarray(found.y) > ABSENT
    return Lines(two_theta=np.asarray(found.x)[real], intensity=np.asarray(found.y)[real])


def _reachable(lattice: Lattice, wavelength: float, two_theta: tuple[float, float]) -> bool:
    """Whether any reflection lies in the range; the calculator cannot answer with none."""
    low, high = (2 * np.sin(np.radians(angle / 2)) / wavelength for angle in two_theta)
    reciprocal = lattice.reciprocal_lattice_crystallographic
    if low * 3 < high and high > 2 * max(reciprocal.abc):
        return True  # a whole shell of reflections: no need to count
    points = reciprocal.get_points_in_sphere([[0, 0, 0]], [0, 0, 0], high)
    return any(point[1] >= max(low, 1e-9) for point in points)


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
    _check_options(size_nm=size_nm, instrument=instrument, step=step, counts=counts, seed=seed)
    first, last = two_theta
    wide = (max(first - MARGIN, 0.0), min(last + MARGIN, max(last, 178.0)))
    found = lines(structure, wavelength=wavelength, two_theta=wide)
    angles = first + step * np.arange(round((last - first) / step) + 1)
    smooth = _profile(found, angles, _widths(found.two_theta, wavelength, size_nm, strain, instrument))
    if not smooth.max(initial=0.0) > 0:
        msg = f"no reflection between {first} and {last} degrees at {wavelength} Å: widen the range"
        raise StructureError("no-reflections", msg)
    smooth = smooth / smooth.max() + background * (0.5 + 0.5 * np.exp(-(angles - first) / 20.0))
    intensity = smooth / smooth.max()
    if counts is not None:
        intensity = np.random.default_rng(seed).poisson(counts * intensity)
    return RawPattern(two_theta=angles, intensity=intensity.astype(np.float32), wavelength=wavelength)


def _widths(
    two_theta: np.ndarray, wavelength: float, size_nm: float, strain: float, instrument: float
) -> tuple[np.ndarray, np.ndarray]:
    """Widths (full, at half maximum, degrees) of the Lorentzian and the Gaussian part of each line.

    Size: Scherrer's 0.9 λ / (L cos θ), Lorentzian. Strain: by Bragg's law a strain ε moves a line by 2 ε tan θ
    (Stokes and Wilson, Proc. Phys. Soc. 56 (1944) 174); a Gaussian spread is 2 (2 ln 2)^0.5 root mean squares wide.
    """
    theta = np.radians(two_theta / 2)
    lorentz = np.degrees(0.9 * wavelength * 0.1 / (size_nm * np.cos(theta)))
    strained = np.degrees(4 * np.sqrt(2 * np.log(2)) * strain * np.tan(theta))
    return lorentz, np.hypot(strained, instrument)


def _profile(found: Lines, angles: np.ndarray, widths: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Sum of pseudo-Voigt lines, each of unit area times its intensity."""
    width, share = _pseudo_voigt(*widths)
    total = np.zeros_like(angles)
    low = np.searchsorted(angles, found.two_theta - REACH * width)
    high = np.searchsorted(angles, found.two_theta + REACH * width)
    for i in range(len(width)):
        part = slice(low[i], high[i])
        squared = ((angles[part] - found.two_theta[i]) / width[i]) ** 2
        lorentz = 2 / np.pi / (1 + 4 * squared)
        gauss = 2 * np.sqrt(np.log(2) / np.pi) * np.exp(-4 * np.log(2) * squared)
        total[part] += found.intensity[i] / width[i] * (share[i] * lorentz + (1 - share[i]) * gauss)
    return total


def _pseudo_voigt(lorentz: np.ndarray, gauss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Width and Lorentzian share that imitate a Voigt line: Thompson, Cox, Hastings, J. Appl. Cryst. 20 (1987) 79."""
    coefficients = (1.0, 2.69269, 2.42843, 4.47163, 0.07842, 1.0)
    fifth = sum(c * gauss ** (5 - i) * lorentz**i for i, c in enumerate(coefficients))
    width = np.asarray(fifth) ** 0.2
    ratio = lorentz / width
    return width, 1.36603 * ratio - 0.47719 * ratio**2 + 0.11116 * ratio**3


def _check(wavelength: float, two_theta: tuple[float, float]) -> None:
    if not (wavelength > 0 and np.isfinite(wavelength)):
        raise ConfigError(f"wavelength is {wavelength}: give Å above 0, e.g. {CU_K_ALPHA} for copper")
    if not 0 <= two_theta[0] < two_theta[1] < 180:
        raise ConfigError(f"two_theta is {two_theta}: give two rising angles, from 0 to below 180 degrees")


def _check_options(*, size_nm: float, instrument: float, step: float, counts: float | None, seed: int | None) -> None:
    for name, value in (("size_nm", size_nm), ("step", step), ("counts", counts)):
        if value is not None and not (value > 0 and np.isfinite(value)):
            raise ConfigError(f"{name} is {value}: give a finite number above 0")
    if instrument < 0:
        raise ConfigError(f"instrument is {instrument}: give a width of 0 degrees or more")
    if counts is not None and seed is None:
        raise ConfigError("counts without a seed: give a seed, so that the noise can be repeated")
