"""A structure seen along a direction: the atoms that a beam meets in a field of view."""

from dataclasses import dataclass

import numpy as np

from comma_data.errors import ConfigError, StructureError
from comma_data.sample import RawStructure

MAX_ATOMS = 2_000_000
"""More atoms than this in one field of view mean a broken cell, not a material."""

LOW_INDEX = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))

Zone = tuple[int, int, int]
"""Direction [uvw] along the beam, in lattice vectors."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Atoms in front of the beam, which runs along z; the middle of the field is at the origin."""

    positions: np.ndarray
    """(m, 3), nm."""
    numbers: np.ndarray
    """(m,), atomic numbers."""

    def where(self, chosen: np.ndarray) -> "Cloud":
        """The atoms that a mask or a list of indices chooses."""
        return Cloud(positions=self.positions[chosen], numbers=self.numbers[chosen])

    def moved(self, positions: np.ndarray) -> "Cloud":
        """The same atoms elsewhere."""
        return Cloud(positions=positions, numbers=self.numbers)

    def also(self, other: "Cloud") -> "Cloud":
        """The atoms of both."""
        return Cloud(
            positions=np.concatenate([self.positions, other.positions]),
            numbers=np.concatenate([self.numbers, other.numbers]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A structure turned so that a zone lies along z. Equal only to itself, so that what follows from it is kept."""

    vectors: np.ndarray
    """(3, 3), nm, rows are the lattice vectors."""
    fractions: np.ndarray
    """(n, 3), of the lattice vectors."""
    numbers: np.ndarray
    """(n,), atomic numbers."""
    periodic: np.ndarray
    """(3,), bool."""
    zone: Zone


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


def view(structure: RawStructure, zone: Zone, *, turn: float = 0.0) -> View:
    """The structure with the zone along z, and then turned about z, radians counter-clockwise.

    Raises:
        ConfigError: the zone is [000].
    """
    cell = full_cell(structure)
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ frame(cell, zone)
    return View(
        vectors=0.1 * cell @ rotation.T,
        fractions=np.asarray(structure["positions"]) @ np.linalg.inv(cell),
        numbers=np.asarray(structure["numbers"]),
        periodic=np.asarray(structure["periodic"], dtype=bool),
        zone=zone,
    )


def fill(seen: View, box_nm: tuple[float, float, float], offset: tuple[float, float, float]) -> Cloud:
    """Atoms in a box centred on the beam, the structure repeated where it is periodic.

    Args:
        seen: any structure; what does not repeat is put in the middle of the box.
        box_nm: width, height and thickness.
        offset: shift of the crystal in fractions of its lattice vectors (along directions that repeat).

    Raises:
        StructureError: `too-many-atoms` where the cell is so small that the box cannot be filled.
    """
    centred = seen.fractions - seen.fractions.mean(axis=0)
    fractions = np.where(seen.periodic, seen.fractions % 1.0 + np.asarray(offset), centred)
    half = 0.5 * np.asarray(box_nm)
    cells = _cells(seen.vectors, half, fractions, seen.periodic)
    positions = (cells[:, None, :] + (fractions @ seen.vectors)[None, :, :]).reshape(-1, 3)
    inside = np.flatnonzero(np.abs(positions[:, 2]) <= half[2])
    inside = inside[(np.abs(positions[inside, :2]) <= half[:2]).all(axis=1)]
    return Cloud(positions=positions[inside], numbers=seen.numbers[inside % len(fractions)])


def _cells(vectors: np.ndarray, half: np.ndarray, fractions: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """Translations, (c, 3), nm, under which any atom can lie in the box."""
    reach = np.abs(np.linalg.inv(vectors)).T @ half
    low = np.where(periodic, np.floor(-reach - fractions.max(axis=0)), 0).astype(int)
    high = np.where(periodic, np.ceil(reach - fractions.min(axis=0)), 0).astype(int)
    if np.prod(high - low + 1.0) * len(fractions) > MAX_ATOMS:
        msg = f"more than {MAX_ATOMS} atoms in {2 * half} nm: the cell is too small or too flat to be a material"
        raise StructureError("too-many-atoms", msg)
    ranges = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    cells = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3) @ vectors
    low_corner, high_corner = (extreme(fractions @ vectors, axis=0) for extreme in (np.min, np.max))
    return cells[((cells + high_corner >= -half) & (cells + low_corner <= half)).all(axis=1)]
