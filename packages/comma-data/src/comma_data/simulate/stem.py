"""HAADF-STEM images of a structure, or of any atoms."""

import numpy as np

from comma_data.sample import RawImage, RawStructure
from comma_data.simulate.conditions import Conditions, conditions
from comma_data.simulate.detector import detect
from comma_data.simulate.projection import Cloud, Zone, common_zones, fill, view
from comma_data.simulate.scan import reach_nm, signal, still


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
        StructureError: as `projection.fill`.
    """
    chosen = conditions(seed) if under is None else under
    rng = np.random.default_rng([seed, 1])
    axis = draw_zone(structure, seed) if zone is None else zone
    rows = scan_noise(chosen, size, rng)
    seen = ideal(structure, zone=axis, size=size, under=chosen, rows_nm=rows)
    return RawImage(pixels=detect(seen, chosen, rng), nm_per_pixel=chosen.field_nm / size)


def micrograph(cloud: Cloud, *, under: Conditions, rng: np.random.Generator, size: int = 96) -> RawImage:
    """A micrograph of any atoms, e.g. of a crystal with a defect, 16-bit, with its scale.

    Args:
        cloud: atoms with the beam along z; they have to fill the field, which the scan rotation turns over them.
        under: conditions; `thickness_nm` and `offset` are those of the cloud already.
        rng: of scan noise and counting noise.
        size: pixels per edge.

    Raises:
        ConfigError: fewer than 8 pixels.
    """
    rows = scan_noise(under, size, rng)
    seen = signal(cloud.moved(turned(cloud.positions, under.rotation)), under, rows)
    return RawImage(pixels=detect(seen, under, rng), nm_per_pixel=under.field_nm / size)


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
    rows = still(size) if rows_nm is None else rows_nm
    edge = reach_nm(under, rows)
    seen = view(structure, zone, turn=under.rotation)
    return signal(fill(seen, (edge, edge, under.thickness_nm), under.offset), under, rows)


def scan_noise(under: Conditions, size: int, rng: np.random.Generator) -> np.ndarray:
    """Random displacements of the scan lines along x and y, (2, size), nm."""
    return rng.normal(0.0, 1.0, (2, size)) * under.jitter_nm


def turned(positions: np.ndarray, angle: float) -> np.ndarray:
    """Positions, (m, 2 or 3), turned about z by an angle, radians counter-clockwise."""
    c, s = np.cos(angle), np.sin(angle)
    across = positions[:, :2] @ np.array([[c, s], [-s, c]])
    return np.concatenate([across, positions[:, 2:]], axis=1)
