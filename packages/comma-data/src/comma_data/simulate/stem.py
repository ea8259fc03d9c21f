"""HAADF-STEM images of a structure: projected Z contrast, a Gaussian probe, the scan, and the detector."""

import numpy as np

from comma_data.errors import ConfigError
from comma_data.sample import RawImage, RawStructure
from comma_data.simulate.conditions import Conditions, conditions
from comma_data.simulate.projection import Zone, common_zones, slab

EXPONENT = 1.7
"""Brightness goes as Z to the power of 1.6 to 1.9, by the detector's angles: Hartel, Rose and Dinges,
Ultramicroscopy 63 (1996) 93."""

OVERSAMPLING = 2
"""Grid points per pixel edge before the scan picks its positions."""

TOP = 62_000
"""Grey level of the brightest pixel: most of 16 bits, nothing saturated."""

READOUT = 0.5
"""Root mean square noise of the amplifier, electrons."""


def image(
    structure: RawStructure, *, seed: int, zone: Zone | None = None, size: int = 96, under: Conditions | None = None
) -> RawImage:
    """A micrograph of the structure, 16-bit, with its scale.

    Args:
        structure: crystal, slab, particle or molecule.
        seed: of the conditions, the zone and the noise; the same seed gives the same image.
        zone: direction of the beam [uvw]; None draws one of the `common_zones`.
        size: pixels per edge.
        under: conditions; None takes `conditions(seed)`.

    Raises:
        ConfigError: a size or a zone that cannot be.
        StructureError: as `projection.slab`.
    """
    chosen = conditions(seed) if under is None else under
    rng = np.random.default_rng([seed, 1])
    axis = draw_zone(structure, seed) if zone is None else zone
    rows = rng.normal(0.0, 1.0, (2, size)) * chosen.jitter_nm
    signal = ideal(structure, zone=axis, size=size, under=chosen, rows_nm=rows)
    return RawImage(pixels=detect(signal, chosen, rng), nm_per_pixel=chosen.field_nm / size)


def draw_zone(structure: RawStructure, seed: int) -> Zone:
    """The zone that `image` takes for a seed, one of the structure's `common_zones`."""
    zones = common_zones(structure)
    return zones[int(np.random.default_rng([seed, 2]).integers(len(zones)))]


def ideal(
    structure: RawStructure, *, zone: Zone, size: int, under: Conditions, rows_nm: np.ndarray | None = None
) -> np.ndarray:
    """The signal without noise, (size, size), in Z**1.7 per pixel area.

    `rows_nm`, (2, size), displaces each scan line along x and y.
    """
    if size < 8:
        raise ConfigError(f"size is {size}: give 8 pixels or more")
    sigma = under.probe_fwhm_nm / np.sqrt(8 * np.log(2))
    rows = np.zeros((2, size)) if rows_nm is None else rows_nm
    reach = float(np.abs(rows).max() + np.abs(under.drift_nm).max())
    spacing = under.field_nm / size / OVERSAMPLING
    margin = int(np.ceil((5 * sigma + reach) / spacing)) + 2
    points = OVERSAMPLING * size + 2 * margin
    grid = _blur(_splat(*_projected(structure, zone, points * spacing, under), points, spacing), sigma / spacing)
    y, x = _scan(size, under, rows)
    return OVERSAMPLING**2 * _sample(grid, y / spacing + points / 2, x / spacing + points / 2)


def _projected(structure: RawStructure, zone: Zone, edge_nm: float, under: Conditions) -> tuple[np.ndarray, np.ndarray]:
    """Where each atom appears, (m, 2), nm from the middle of the field, and how bright, (m,)."""
    wide = 1.5 * edge_nm
    positions, numbers = slab(structure, zone=zone, box_nm=(wide, wide, under.thickness_nm), offset=under.offset)
    tilted = positions[:, :2] + 1e-3 * positions[:, 2:] * np.asarray(under.tilt_mrad)
    c, s = np.cos(under.rotation), np.sin(under.rotation)
    return tilted @ np.array([[c, s], [-s, c]]), np.asarray(numbers, dtype=float) ** EXPONENT


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
    rows = np.fft.fftfreq(len(grid))[:, None]
    columns = np.fft.rfftfreq(len(grid))[None, :]
    transfer = np.exp(-2 * np.pi**2 * variance * (rows**2 + columns**2))
    return np.fft.irfft2(np.fft.rfft2(grid) * transfer, s=grid.shape)


def _scan(size: int, under: Conditions, rows_nm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the beam stands at each pixel, y and x, (size, size), nm from the middle."""
    nominal = ((np.arange(size) + 0.5) / size - 0.5) * under.field_nm
    elapsed = np.arange(size * size).reshape(size, size) / size**2 - 0.5
    y = nominal[:, None] + under.drift_nm[1] * elapsed + rows_nm[1][:, None]
    x = nominal[None, :] + under.drift_nm[0] * elapsed + rows_nm[0][:, None]
    return y, x


def _sample(grid: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear interpolation at positions counted in spacings from the grid's edge."""
    row, column = np.floor(y - 0.5).astype(int), np.floor(x - 0.5).astype(int)
    v, u = y - 0.5 - row, x - 0.5 - column
    upper = (1 - u) * grid[row, column] + u * grid[row, column + 1]
    lower = (1 - u) * grid[row + 1, column] + u * grid[row + 1, column + 1]
    return (1 - v) * upper + v * lower


def detect(signal: np.ndarray, under: Conditions, rng: np.random.Generator) -> np.ndarray:
    """Counts of a detector for a noise-free signal, uint16, the brightest pixel at 62,000 of 65,535."""
    level = signal / max(float(signal.mean()), 1e-12)
    level = level + under.background + under.contamination * _clouds(len(signal), rng)
    electrons = np.maximum(level, 0.0)
    if np.isfinite(under.dose):
        electrons = rng.poisson(electrons * under.dose / electrons.mean()) + rng.normal(0.0, READOUT, signal.shape)
    electrons = np.maximum(electrons, 0.0)
    return np.round(electrons * (TOP / electrons.max())).astype(np.uint16)


def _clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth random field, (size, size), root mean square about 1: four waves longer than the field is wide."""
    y, x = np.mgrid[:size, :size] / size
    waves = rng.uniform(-0.5, 0.5, (4, 2))
    phases = rng.uniform(0.0, 2 * np.pi, 4)
    return sum(
        (np.cos(2 * np.pi * (a * x + b * y) + p) for (a, b), p in zip(waves, phases, strict=True)),
        start=np.zeros((size, size)),
    ) / np.sqrt(2)
