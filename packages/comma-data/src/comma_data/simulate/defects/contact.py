"""How close atoms come where two pieces of crystal meet."""

from functools import lru_cache

import numpy as np

from comma_data.simulate.defects.lattice import KEPT
from comma_data.simulate.projection import View, fill


def closest(one: np.ndarray, other: np.ndarray) -> float:
    """The smallest distance between an atom of one (m, 3) and an atom of another set (n, 3); infinite without atoms."""
    if not len(one) or not len(other):
        return float("inf")
    return float(np.sqrt(_squared(one, other).min()))


def spread(atoms: np.ndarray) -> float:
    """The smallest distance between two of the atoms (m, 3); infinite for fewer than two."""
    squared = _squared(atoms, atoms)
    np.fill_diagonal(squared, np.inf)
    return float(np.sqrt(squared.min(initial=np.inf)))


def crowded(fixed: np.ndarray, movable: np.ndarray, distance: float) -> np.ndarray:
    """Which of the movable atoms (n, 3) come closer than a distance to a fixed one (m, 3); (n,), bool."""
    if not len(fixed) or not len(movable):
        return np.zeros(len(movable), dtype=bool)
    return np.asarray((_squared(fixed, movable) < distance**2).any(axis=0))


@lru_cache(KEPT)
def nearest_neighbour(seen: View) -> float:
    """The shortest distance between two atoms of the crystal, nm."""
    edge = 2 * float(np.linalg.norm(seen.vectors, axis=1).min()) + 0.1
    atoms = fill(seen, (edge, edge, edge), (0.0, 0.0, 0.0)).positions
    squared = _squared(atoms, atoms[np.argsort(np.linalg.norm(atoms, axis=1))[:8]])
    return float(np.sqrt(squared[squared > 1e-8].min()))


def _squared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared distances, (m, n); exact for coincident atoms, unlike the expanded square."""
    total = np.zeros((len(one), len(other)))
    for axis in range(3):
        total += (one[:, axis, None] - other[None, :, axis]) ** 2
    return total
