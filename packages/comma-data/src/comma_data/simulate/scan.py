"""The noise-free signal of a scanned probe: projected Z contrast, blurred by the probe, read where the beam stands."""

import numpy as np

from comma_data.errors import ConfigError
from comma_data.simulate.conditions import Conditions
from comma_data.simulate.projection import Cloud

EXPONENT = 1.7
"""Brightness goes as Z to the power of 1.6 to 1.9, by the detector's angles: Hartel, Rose and Dinges,
Ultramicroscopy 63 (1996) 93."""

OVERSAMPLING = 2
"""Grid points per pixel edge before the scan picks its positions."""

SMALLEST = 8
"""Pixels per edge."""


def still(size: int) -> np.ndarray:
    """Displacements of the scan lines, (2, size), of a scan without noise."""
    return np.zeros((2, size))


def reach_nm(under: Conditions, rows_nm: np.ndarray) -> float:
    """Edge of the square that holds every atom of an image, nm."""
    spacing, points = _grid(under, rows_nm)
    return points * spacing + 1e-3 * under.thickness_nm * float(np.abs(under.tilt_mrad).max())


def signal(cloud: Cloud, under: Conditions, rows_nm: np.ndarray) -> np.ndarray:
    """The signal, (size, size), in Z**1.7 per pixel area; row 0 has the lowest y.

    Args:
        cloud: atoms, turned as the scan is; what lies outside the field does no harm.
        under: conditions; of these field, probe, tilt and drift matter here.
        rows_nm: (2, size), how far each scan line is displaced along x and y, nm.

    Raises:
        ConfigError: fewer than 8 pixels.
    """
    spacing, points = _grid(under, rows_nm)
    leaning = cloud.positions[:, :2] + 1e-3 * cloud.positions[:, 2:] * np.asarray(under.tilt_mrad)
    grid = _splat(leaning, cloud.numbers.astype(float) ** EXPONENT, points, spacing)
    y, x = beam(under, rows_nm)
    blurred = _blur(grid, _sigma(under) / spacing)
    return OVERSAMPLING**2 * _sample(blurred, y / spacing + points / 2, x / spacing + points / 2)


def beam(under: Conditions, rows_nm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the beam stands at each pixel, y and x, (size, size), nm from the middle."""
    size = rows_nm.shape[1]
    nominal = ((np.arange(size) + 0.5) / size - 0.5) * under.field_nm
    elapsed = np.arange(size * size).reshape(size, size) / size**2 - 0.5
    y = nominal[:, None] + under.drift_nm[1] * elapsed + rows_nm[1][:, None]
    x = nominal[None, :] + under.drift_nm[0] * elapsed + rows_nm[0][:, None]
    return y, x


def _sigma(under: Conditions) -> float:
    return under.probe_fwhm_nm / float(np.sqrt(8 * np.log(2)))


def _grid(under: Conditions, rows_nm: np.ndarray) -> tuple[float, int]:
    """Spacing, nm, and points per edge of the grid on which the probe is convolved."""
    size = rows_nm.shape[1]
    if size < SMALLEST:
        raise ConfigError(f"size is {size}: give {SMALLEST} pixels or more")
    spacing = under.field_nm / size / OVERSAMPLING
    reach = float(np.abs(rows_nm).max() + np.abs(under.drift_nm).max())
    margin = int(np.ceil((5 * _sigma(under) + reach) / spacing)) + 2
    return spacing, _smooth(OVERSAMPLING * size + 2 * margin)


def _smooth(least: int) -> int:
    """The next even number without prime factors above 5, for which a Fourier transform is quick."""
    number = least + least % 2
    while _rest(number) > 1:
        number += 2
    return number


def _rest(number: int) -> int:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number


def _splat(at_nm: np.ndarray, weights: np.ndarray, points: int, spacing: float) -> np.ndarray:
    """Spread each atom over its four nearest grid points (value i stands at i + 1/2 spacings from the edge)."""
    where = at_nm / spacing + points / 2 - 0.5
    whole = np.floor(where).astype(int)
    inside = ((whole >= 0) & (whole < points - 1)).all(axis=1)
    whole, part, weights = whole[inside], (where - whole)[inside], weights[inside]
    grid = np.zeros(points * points)
    for dx, share_x in ((0, 1 - part[:, 0]), (1, part[:, 0])):
        for dy, share_y in ((0, 1 - part[:, 1]), (1, part[:, 1])):
            index = (whole[:, 1] + dy) * points + whole[:, 0] + dx
            grid += np.bincount(index, weights * share_x * share_y, minlength=points * points)
    return grid.reshape(points, points)


def _blur(grid: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve with a Gaussian of unit sum, less the variance that `_splat` and `_sample` add: 1/6 each on average."""
    variance = max(sigma**2 - 1 / 3, 0.0)
    along = np.exp(-2 * np.pi**2 * variance * np.fft.fftfreq(len(grid)) ** 2)
    transfer = np.outer(along, along[: len(grid) // 2 + 1])
    return np.fft.irfft2(np.fft.rfft2(grid) * transfer, s=grid.shape)


def _sample(grid: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear interpolation at positions counted in spacings from the grid's edge."""
    row, column = np.floor(y - 0.5).astype(int), np.floor(x - 0.5).astype(int)
    v, u = y - 0.5 - row, x - 0.5 - column
    upper = (1 - u) * grid[row, column] + u * grid[row, column + 1]
    lower = (1 - u) * grid[row + 1, column] + u * grid[row + 1, column + 1]
    return (1 - v) * upper + v * lower
