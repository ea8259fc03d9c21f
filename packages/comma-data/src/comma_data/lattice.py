"""Other vectors of the same lattice: a reduced cell for one that is skewed out of use."""

from itertools import permutations, product

import numpy as np

SKEWED = 1.0
"""Å; a cell lower than this over one of its faces is reduced where that makes it higher. It may be below what a guard
takes, with nothing wrong but the choice of its vectors."""
_ROUNDS = 200


def reduced_where_skewed(cell: np.ndarray, periodic: np.ndarray) -> np.ndarray | None:
    """The reduced cell of a lattice whose given cell is lower than `SKEWED`, None where that does not help.

    Args:
        cell: (3, 3) Å, any content.
        periodic: (3,) bool; only the vectors along these directions are changed.
    """
    rows = np.asarray(cell, dtype=float)[periodic]
    if len(rows) < 2 or not np.isfinite(rows).all() or np.abs(rows).max() > 1e6:
        return None
    low = _lowest(rows)
    if low >= SKEWED or low == 0.0:
        return None
    better = reduce_vectors(rows)
    if _lowest(better) <= low * (1 + 1e-9):
        return None
    full = np.array(cell, dtype=float)
    full[periodic] = better
    return full


def reduce_vectors(rows: np.ndarray) -> np.ndarray:
    """Shortest possible vectors (k, 3) that span the lattice of k <= 3 given ones, in their unit.

    Greedy reduction in the sense of Minkowski: Nguyen and Stehlé, Low-dimensional lattice basis reduction revisited,
    ANTS-VI (2004). A left-handed cell stays left-handed.
    """
    integer = np.eye(len(rows))
    for _ in range(_ROUNDS):
        now = integer @ rows
        lengths = (now**2).sum(axis=1)
        step = _step(now, lengths)
        if step is None:
            break
        integer = step @ integer
    if np.linalg.det(integer) < 0:
        integer = -integer if len(rows) == 3 else np.diag([-1.0] + [1.0] * (len(rows) - 1)) @ integer
    return integer @ rows


def _step(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray | None:
    """An integer change that shortens one vector by the others, None where none does."""
    k = len(rows)
    for i, j in permutations(range(k), 2):
        times = np.round(rows[i] @ rows[j] / lengths[j])
        if times:
            change = np.eye(k)
            change[i, j] = -times
            if ((change @ rows)[i] ** 2).sum() < lengths[i] * (1 - 1e-9):
                return change
    if k == 3:
        for i, signs in product(range(3), product((-1.0, 1.0), repeat=2)):
            change = np.eye(3)
            change[i, [other for other in range(3) if other != i]] = signs
            if ((change @ rows)[i] ** 2).sum() < lengths[i] * (1 - 1e-9):
                return change
    return None


def _lowest(rows: np.ndarray) -> float:
    """Lowest height of the k-dimensional cell, in the vectors' unit; 0 where they do not span one."""
    gram = rows @ rows.T
    if np.linalg.det(gram) <= 1e-16 * np.diagonal(gram).prod():
        return 0.0
    return float(1.0 / np.sqrt(np.diagonal(np.linalg.inv(gram)).max()))
