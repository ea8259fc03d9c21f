"""A structure seen along a direction: the atoms that a beam meets in a field of view."""

import itertools

import numpy as np

from comma_data.errors import ConfigError, StructureError
from comma_data.sample import RawStructure

MAX_ATOMS = 2_000_000
"""More atoms than this in one field of view mean a broken cell, not a material."""

LOW_INDEX = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))

Zone = tuple[int, int, int]
"""Direction [uvw] along the beam, in lattice vectors."""


def full_cell(structure: RawStructure) -> np.ndarray:
    """The cell, (3, 3), Å, its zero rows replaced by unit vectors normal to the others."""
    cell = np.array(structure["cell"], dtype=float)
    missing = ~cell.any(axis=1)
    if missing.any():
        normal = np.linalg.svd(cell)[2][3 - int(missing.sum()) :]
        cell[missing] = normal
    return cell


def common_zones(structure: RawStructure, number: int = 3) -> tuple[Zone, ...]:
    """The low-index zones with the shortest repeat, shortest first: there the columns are densest, as in practice."""
    lengths = np.linalg.norm(np.array(LOW_INDEX) @ full_cell(structure), axis=1).round(6)
    return tuple(LOW_INDEX[i] for i in np.argsort(lengths, kind="stable")[:number])


def frame(cell: np.ndarray, zone: Zone) -> np.ndarray:
    """Rotation matrix, (3, 3): rows x, y, z, with z along the zone and x towards the first cell vector not along it.

    Raises:
        ConfigError: the zone is [000].
    """
    if not any(zone):
        raise ConfigError("zone is [000]: give a direction [uvw] with at least one index that is not zero")
    beam = np.asarray(zone, dtype=float) @ cell
    beam /= np.linalg.norm(beam)
    across = cell - np.outer(cell @ beam, beam)
    lengths = np.linalg.norm(across, axis=1)
    first = int(np.argmax(lengths > 1e-3 * np.linalg.norm(cell, axis=1)))
    x = across[first] / lengths[first]
    return np.stack([x, np.cross(beam, x), beam])


def slab(
    structure: RawStructure, *, zone: Zone, box_nm: tuple[float, float, float], offset: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Atoms in a box centred on the beam, the structure repeated where it is periodic.

    Args:
        structure: any; what does not repeat is put in the middle of the box.
        zone: direction of the beam.
        box_nm: width, height and thickness.
        offset: shift of the crystal in fractions of its lattice vectors (along directions that repeat).

    Returns:
        Positions, (m, 3), nm, the middle of the box at the origin; atomic numbers, (m,).

    Raises:
        StructureError: `too-many-atoms` where the cell is so small that the box cannot be filled.
    """
    cell = full_cell(structure)
    rotation = frame(cell, zone)
    periodic = np.asarray(structure["periodic"], dtype=bool)
    vectors = 0.1 * cell @ rotation.T
    fractions = np.asarray(structure["positions"]) @ np.linalg.inv(cell)
    fractions = np.where(periodic, fractions % 1.0 + np.asarray(offset), fractions - fractions.mean(axis=0))
    half = 0.5 * np.asarray(box_nm)
    cells = _cells(vectors, half, fractions, periodic)
    positions = (cells[:, None, :] + fractions[None, :, :]).reshape(-1, 3) @ vectors
    inside = (np.abs(positions) <= half).all(axis=1)
    return positions[inside], np.tile(structure["numbers"], len(cells))[inside]


def _cells(vectors: np.ndarray, half: np.ndarray, fractions: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """Translations, (c, 3), in lattice vectors, under which any atom can lie in the box."""
    reach = np.abs(np.linalg.inv(vectors)).T @ half
    low = np.where(periodic, np.floor(-reach - fractions.max(axis=0)), 0).astype(int)
    high = np.where(periodic, np.ceil(reach - fractions.min(axis=0)), 0).astype(int)
    if np.prod(high - low + 1.0) * len(fractions) > MAX_ATOMS:
        msg = f"more than {MAX_ATOMS} atoms in {2 * half} nm: the cell is too small or too flat to be a material"
        raise StructureError("too-many-atoms", msg)
    ranges = [range(a, b + 1) for a, b in zip(low, high, strict=True)]
    return np.array(list(itertools.product(*ranges)))
