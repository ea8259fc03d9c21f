"""Reflections of a crystal powder: where they stand and how strong they are, by kinematic theory."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from pymatgen.analysis.diffraction.xrd import ATOMIC_SCATTERING_PARAMS
from pymatgen.core import Element

from comma_data.errors import ConfigError, StructureError
from comma_data.sample import RawStructure

CU_K_ALPHA = 1.54184
"""Å, the mean of the copper doublet."""

ABSENT = 1e-6
"""Electrons squared: weaker than this is what rounding leaves of a systematic absence. Hydrogen scatters about 1."""

WEAKEST = 1e-5
"""Lines weaker than this share of the strongest are left out, as pymatgen does."""

MERGED = 1e-5
"""Degrees: reflections that fall into one interval of this width are one line."""

MOST = 4_000_000
"""Reciprocal lattice points in the box around the sphere of reflection; more would fill the memory."""

CHUNK = 2**21
"""Complex numbers of one intermediate array, 32 MiB."""


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
    """Positions and integrated intensities of the reflections.

    The intensity of hkl is |F|² (1 + cos² 2θ) / (sin² θ cos θ), F the sum of f exp(2πi g·r) over the atoms at rest
    (B. E. Warren, X-ray Diffraction, 1990, chapters 3 and 4). The form factors f are those of pymatgen's table.

    Args:
        structure: periodic in three directions; atoms do not vibrate (no Debye-Waller factor).
        wavelength: Å.
        two_theta: first and last angle, degrees, from 0 to below 180.

    Raises:
        StructureError: `not-periodic`, `no-scattering-factor` (elements beyond Cf), or `too-many-reflections`.
        ConfigError: an angle or a wavelength that cannot be.
    """
    _check(structure, wavelength, two_theta)
    cell = np.asarray(structure["cell"], dtype=float)
    low, high = (2 * np.sin(np.radians(angle / 2)) / wavelength for angle in two_theta)
    rows, third, squared = _points(cell, high)
    wanted = _upper_half(rows, third) & (squared >= low**2) & (squared <= high**2)
    strength = _structure_factors(structure, rows, third, wanted, squared[wanted])
    return _merged(np.sqrt(squared[wanted]) * wavelength / 2, 2 * strength)


def _points(cell: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (h, k), (r, 2), and values of l, (q,), that hold half a sphere around 0; squared lengths, (r, q), 1/Å²."""
    h, k, third = (int(np.floor(radius * edge)) for edge in np.linalg.norm(cell, axis=1))
    if (h + 1.0) * (2 * k + 1.0) * (2 * third + 1.0) > MOST:
        msg = f"more than {MOST} points of the reciprocal lattice in reach: give a narrower range or a smaller cell"
        raise StructureError("too-many-reflections", msg)
    reciprocal = np.linalg.inv(cell).T
    rows = np.stack(np.meshgrid(np.arange(h + 1), np.arange(-k, k + 1), indexing="ij"), axis=-1).reshape(-1, 2)
    last = np.arange(-third, third + 1)
    metric = reciprocal @ reciprocal.T
    across = np.einsum("ri,ij,rj->r", rows, metric[:2, :2], rows)
    squared = across[:, None] + 2 * np.outer(rows @ metric[:2, 2], last) + metric[2, 2] * last**2
    near = (squared <= radius**2).any(axis=1)
    return rows[near], last, squared[near]


def _upper_half(rows: np.ndarray, third: np.ndarray) -> np.ndarray:
    """One of each pair g, -g, (r, q): without anomalous scattering both are equally strong (Friedel's law)."""
    h, k = rows[:, :1], rows[:, 1:]
    return (h > 0) | (k > 0) & (h == 0) | (third > 0) & (h == 0) & (k == 0)


def _structure_factors(
    structure: RawStructure, rows: np.ndarray, third: np.ndarray, wanted: np.ndarray, squared: np.ndarray
) -> np.ndarray:
    """|F|², (m,), electrons squared, at the m wanted points of the (r, q), whose squared lengths are given.

    exp(2πi (hx + ky + lz)) is a product of three factors, so its sum over atoms is a matrix product over l.
    """
    numbers = np.asarray(structure["numbers"])
    fractions = np.asarray(structure["positions"]) @ np.linalg.inv(structure["cell"])
    total = np.zeros(len(squared), dtype=complex)
    for number in np.unique(numbers):
        of_kind = fractions[numbers == number]
        total += _form_factor(int(number), squared / 4) * _sums(rows, third, of_kind)[wanted]
    return total.real**2 + total.imag**2


def _sums(rows: np.ndarray, third: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Sum of exp(2πi (hx + ky + lz)) over atoms, (r, q)."""
    along = _phases(third, fractions[:, 2]).T
    step = max(1, CHUNK // len(fractions))
    parts = [_across(rows[start : start + step], fractions) @ along for start in range(0, len(rows), step)]
    return np.concatenate(parts)


def _across(rows: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """exp(2πi (hx + ky)), (r, n), from tables of the few values of h and k."""
    h, k = rows.T
    by_h = _phases(np.arange(h.max() + 1), fractions[:, 0])
    by_k = _phases(np.arange(k.min(), k.max() + 1), fractions[:, 1])
    return by_h[h] * by_k[k - k.min()]


def _phases(indices: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    return np.exp(2j * np.pi * np.outer(indices, coordinates))


def _form_factor(number: int, s_squared: np.ndarray) -> np.ndarray:
    """Electrons at s² = (sin θ / λ)²: Z - 41.78214 s² Σ a exp(-b s²), the form of pymatgen's table."""
    total = np.zeros_like(s_squared)
    for a, b in _coefficients(number):
        total += a * np.exp(-b * s_squared)
    return number - 41.78214 * s_squared * total


@cache
def _coefficients(number: int) -> tuple[tuple[float, float], ...]:
    symbol = Element.from_Z(number).symbol
    if symbol not in ATOMIC_SCATTERING_PARAMS:
        msg = f"no X-ray scattering factor of {symbol}: leave out structures with elements beyond Cf"
        raise StructureError("no-scattering-factor", msg)
    return tuple((a, b) for a, b in ATOMIC_SCATTERING_PARAMS[symbol] if a)


def _merged(sine: np.ndarray, squared_factors: np.ndarray) -> Lines:
    """Lines from sin θ, (m,), and |F|² with its multiplicity, (m,)."""
    order = np.argsort(sine)
    theta = np.arcsin(np.minimum(sine[order], 1.0))
    lorentz = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    angle = np.degrees(2 * theta)
    _, first = np.unique(np.round(angle / MERGED), return_index=True)
    if not len(first):
        return Lines(two_theta=np.empty(0), intensity=np.empty(0))
    intensity = np.add.reduceat(squared_factors[order] * lorentz, first)
    real = intensity > max(ABSENT, WEAKEST * intensity.max())
    return Lines(two_theta=angle[first][real], intensity=intensity[real])


def _check(structure: RawStructure, wavelength: float, two_theta: tuple[float, float]) -> None:
    if not (wavelength > 0 and np.isfinite(wavelength)):
        raise ConfigError(f"wavelength is {wavelength}: give Å above 0, e.g. {CU_K_ALPHA} for copper")
    if not 0 <= two_theta[0] < two_theta[1] < 180:
        raise ConfigError(f"two_theta is {two_theta}: give two rising angles, from 0 to below 180 degrees")
    if not np.all(structure["periodic"]):
        msg = "a powder pattern needs a structure that is periodic in three directions: leave molecules and slabs out"
        raise StructureError("not-periodic", msg)
