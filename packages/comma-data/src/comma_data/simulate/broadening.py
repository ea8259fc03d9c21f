"""From sharp lines to the profile that a diffractometer records: size, strain and instrument."""

from dataclasses import dataclass

import numpy as np

from comma_data.simulate.reflections import Lines

POINTS_PER_WIDTH = 8
"""Grid points per full width at half maximum; a coarser measuring grid is refined by a whole factor."""

WIDTH_STEP = 1.06
"""Ratio of neighbouring reference widths; lines in between are interpolated. The error at the maximum is 0.1 %."""


@dataclass(frozen=True, kw_only=True)
class Broadening:
    """What makes lines wide."""

    wavelength: float
    """Å."""
    size_nm: float
    """Crystallite size."""
    strain: float
    """Root mean square microstrain, a plain number."""
    instrument: float
    """Full width at half maximum of the instrument's own Gaussian profile, degrees."""

    def widths(self, two_theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Widths (full, at half maximum, degrees) of the Lorentzian and the Gaussian part of lines at these angles.

        Size: Scherrer's 0.9 λ / (L cos θ), Lorentzian. Strain: by Bragg's law a strain ε moves a line by 2 ε tan θ
        (Stokes and Wilson, Proc. Phys. Soc. 56 (1944) 174); a Gaussian spread is 2 (2 ln 2)^0.5 root mean squares wide.
        """
        theta = np.radians(two_theta / 2)
        lorentz = np.degrees(0.9 * self.wavelength * 0.1 / (self.size_nm * np.cos(theta)))
        strained = np.degrees(4 * np.sqrt(2 * np.log(2)) * self.strain * np.tan(theta))
        return lorentz, np.hypot(strained, self.instrument)


def profile(found: Lines, angles: np.ndarray, by: Broadening) -> np.ndarray:
    """Sum of Voigt lines, each of unit area times its intensity, at evenly spaced angles.

    The lines are put on a grid, and convolved in Fourier space, where a Voigt profile is a product of exponentials.
    Widths change slowly with the angle: each line is shared between two of a few reference widths.

    Args:
        found: lines, also those outside the range whose tails reach into it.
        angles: (p,), degrees, evenly spaced.
        by: what makes the lines wide.

    Returns:
        (p,), intensity per degree, never negative. Lines narrower than half a step are drawn that wide.
    """
    if not len(found.two_theta):
        return np.zeros_like(angles)
    step = float(angles[1] - angles[0]) if len(angles) > 1 else 1.0
    nodes, place = _references(found.two_theta, by)
    lorentz, gauss = by.widths(nodes)
    gauss = np.maximum(gauss, step / 2)
    fine = int(np.ceil(POINTS_PER_WIDTH * step / _voigt_width(lorentz, gauss).min()))
    size = _grid_size(found, angles, step / fine)
    sticks = _sticks(found, place, (float(angles[0]), step / fine), (len(nodes), size))
    smooth = np.fft.irfft((np.fft.rfft(sticks) * _transfer(lorentz, gauss, step / fine, size)).sum(axis=0), size)
    return np.maximum(smooth[::fine][: len(angles)], 0.0) * (fine / step)


def _grid_size(found: Lines, angles: np.ndarray, step: float) -> int:
    """A power of two that holds angles and lines twice: lines before the first angle stand at the end of the grid."""
    first, last = min(angles[0], found.two_theta[0]), max(angles[-1], found.two_theta[-1])
    return int(2 ** np.ceil(np.log2(2 * (last - first) / step + 8)))


def _voigt_width(lorentz: np.ndarray, gauss: np.ndarray) -> np.ndarray:
    """Full width at half maximum to 0.02 %: Olivero and Longbothum, J. Quant. Spectrosc. Radiat. 17 (1977) 233."""
    return 0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + gauss**2)


def _references(two_theta: np.ndarray, by: Broadening) -> tuple[np.ndarray, np.ndarray]:
    """Angles between which the width grows by `WIDTH_STEP`, (r,), and where the lines stand among them, (l,), from 0.

    The lines are placed by their widths, not by their angles, so that the interpolation is right to first order.
    """
    dense = np.linspace(two_theta[0] - 1e-9, two_theta[-1] + 1e-9, 257)
    growth = np.log(np.maximum(_voigt_width(*by.widths(dense)), 1e-12)) / np.log(WIDTH_STEP)
    growth = growth + np.linspace(0.0, 1e-6, 257)  # keeps the order strict where the width is constant
    number = 2 + int(growth[-1] - growth[0])
    nodes = np.interp(np.linspace(growth[0], growth[-1], number), growth, dense)
    place = (np.interp(two_theta, dense, growth) - growth[0]) / (growth[-1] - growth[0]) * (number - 1)
    return nodes, place


def _sticks(found: Lines, place: np.ndarray, grid: tuple[float, float], shape: tuple[int, int]) -> np.ndarray:
    """Lines on a grid (first angle, step), shared between the two references around each, (r, size).

    Each is spread over four points with the weights of cubic interpolation, which keep its position and width.
    """
    first, step = grid
    below = np.clip(np.floor(place).astype(int), 0, shape[0] - 2)
    share = place - below
    where = (found.two_theta - first) / step
    whole = np.floor(where).astype(int)
    total = np.zeros(shape[0] * shape[1])
    for offset, weight in enumerate(_cubic(where - whole), start=-1):
        for node, part in ((below, 1 - share), (below + 1, share)):
            index = node * shape[1] + (whole + offset) % shape[1]
            total += np.bincount(index, weight * part * found.intensity, minlength=len(total))
    return total.reshape(shape)


def _cubic(t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lagrange weights of the points -1, 0, 1, 2 at 0 <= t < 1."""
    return (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )


def _transfer(lorentz: np.ndarray, gauss: np.ndarray, step: float, size: int) -> np.ndarray:
    """Fourier transforms of Voigt profiles of unit area, (widths, size // 2 + 1)."""
    k = np.fft.rfftfreq(size, step)
    return np.exp(-np.pi * np.outer(lorentz, k) - np.pi**2 / (4 * np.log(2)) * np.outer(gauss**2, k**2))
