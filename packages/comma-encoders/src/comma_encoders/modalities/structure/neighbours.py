"""Who is near whom in a structure, over periodic images."""

from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from pymatgen.optimization.neighbors import find_points_in_spheres

from comma_encoders.errors import InputError
from comma_encoders.modalities.structure.jit import jit

MIN_DISTANCE = 0.5
"""Å; nearer atoms are a mistake in the data."""
LARGE = 600
"""Atoms from which on a search by cells of space pays."""
SPARSE = 100
"""Cells of space for each atom from which on they cost more than they spare: all of them are made, empty or not."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """All pairs within a cutoff, in both directions, sorted by the atom that they are seen from."""

    start: np.ndarray
    """(atoms + 1,): the pairs of atom i are start[i] to start[i + 1]."""
    source: np.ndarray
    """(pairs,): the other atom."""
    vector: np.ndarray
    """(pairs, 3), Å, from the atom to that image of the other one."""


@jit()
@no_type_check
def _search(  # noqa: PLR0913, PLR0917  numba knows no dataclasses
    points: Any, cell: Any, inverse: Any, reach: Any, cutoff: float, start: Any, source: Any, vector: Any
) -> float:
    """Fill the arrays as far as they go, count all pairs in `start`, and return the shortest distance.

    The distance between lattice planes bounds the images of each pair that can be near enough.
    """
    n, found, least = len(points), 0, np.inf
    lo, hi = np.zeros(3, np.int64), np.zeros(3, np.int64)
    fractional = points @ inverse
    for i in range(n):
        start[i] = found
        for j in range(n):
            for d in range(3):
                if reach[d] > 0:
                    apart = fractional[i, d] - fractional[j, d]
                    lo[d], hi[d] = np.ceil(apart - reach[d]), np.floor(apart + reach[d])
            for a in range(lo[0], hi[0] + 1):
                for b in range(lo[1], hi[1] + 1):
                    for c in range(lo[2], hi[2] + 1):
                        x = points[j, 0] - points[i, 0] + a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
                        y = points[j, 1] - points[i, 1] + a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1]
                        z = points[j, 2] - points[i, 2] + a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2]
                        square = x * x + y * y + z * z
                        if square > cutoff * cutoff or (i == j and a == 0 and b == 0 and c == 0):
                            continue
                        least = min(least, square)
                        if found < len(source):
                            source[found] = j
                            vector[found, 0], vector[found, 1], vector[found, 2] = x, y, z
                        found += 1
    start[n] = found
    return np.sqrt(least)


def _small(points: np.ndarray, cell: np.ndarray, periodic: np.ndarray, cutoff: float) -> tuple[Neighbours, float]:
    """Every pair looked at; the arrays grow once where the guess was too low."""
    inverse = np.linalg.inv(cell)
    # rounding must not lose an image that lies exactly at the cutoff
    reach = np.where(periodic, cutoff * np.sqrt((inverse**2).sum(axis=0)) + 1e-9, 0.0)
    room = 64 * len(points)
    while True:
        start = np.empty(len(points) + 1, np.int64)
        source, vector = np.empty(room, np.int64), np.empty((room, 3))
        least = _search(points, cell, inverse, reach, cutoff, start, source, vector)
        if start[-1] <= room:
            return Neighbours(start=start, source=source[: start[-1]], vector=vector[: start[-1]]), least
        room = int(start[-1])


def _large(points: np.ndarray, cell: np.ndarray, periodic: np.ndarray, cutoff: float) -> tuple[Neighbours, float]:
    """Pymatgen's compiled search, sorted."""
    target, source, image, distance = find_points_in_spheres(
        points, points, r=cutoff, pbc=np.ascontiguousarray(periodic, dtype=np.int64), lattice=cell, tol=1e-8
    )
    other = (target != source) | (image != 0).any(axis=1)
    target, source, image, distance = target[other], source[other], image[other], distance[other]
    order = np.lexsort((*image.T[::-1], source, target))
    start = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=len(points)))])
    vector = points[source] + image @ cell - points[target]
    found = Neighbours(start=start, source=source[order], vector=vector[order])
    return found, float(distance.min()) if len(distance) else np.inf


def _spaces(points: np.ndarray, cell: np.ndarray, periodic: np.ndarray, cutoff: float) -> float:
    """About how many cubes as wide as the cutoff hold the atoms and the images near them."""
    span = np.maximum(np.ptp(points, axis=0), np.abs(cell[np.asarray(periodic, dtype=bool)]).sum(axis=0))
    return float((span / cutoff + 3).prod())


def neighbours(
    positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, cutoff: float, *, least: float = MIN_DISTANCE
) -> Neighbours:
    """All pairs of atoms, with periodic images, at most `cutoff` Å apart; an atom is not its own neighbour.

    Args:
        positions: (atoms, 3), Å, anywhere in space.
        cell: (3, 3), Å, without zero rows (see `guard.completed`).
        periodic: (3,).
        cutoff: Å.
        least: Å; nearer atoms are refused.

    Raises:
        InputError: two atoms nearer than `least`.
    """
    points = np.ascontiguousarray(positions, dtype=np.float64)
    search = _small if len(points) < LARGE or _spaces(points, cell, periodic, cutoff) > SPARSE * len(points) else _large
    found, nearest = search(points, np.ascontiguousarray(cell, dtype=np.float64), periodic, float(cutoff))
    if nearest < least:
        raise InputError(f"two atoms of a structure are less than {least} Å apart; repair or drop it")
    return found
