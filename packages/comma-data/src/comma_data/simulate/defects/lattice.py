"""The translations of a crystal as seen along a zone, in space and in projection."""

from functools import lru_cache

import numpy as np

from comma_data.errors import StructureError
from comma_data.simulate.projection import View
from comma_data.simulate.scan import EXPONENT

SAME_NM = 0.03
"""Atoms that are projected closer together than this belong to one column."""

KEPT = 16
"""Views of which the results are remembered: all images of a host share one."""

LONGEST_NM = 0.7
"""Longest Burgers vector: the energy of a dislocation rises with its square, and longer ones are hardly ever seen."""

REACH = 3
"""Indices of lattice vectors that are searched, from minus to plus this."""


@lru_cache(KEPT)
def translations(seen: View) -> np.ndarray:
    """Lattice translations but zero, (t, 3), nm, shortest first, those of a centred cell included."""
    indices = np.stack(np.meshgrid(*[np.arange(-REACH, REACH + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    found = (indices[:, None, :] + centrings(seen)[None, :, :]).reshape(-1, 3) @ seen.vectors
    lengths = np.linalg.norm(found, axis=1)
    order = np.argsort(lengths.round(9), kind="stable")
    return found[order[lengths[order] > SAME_NM]]


@lru_cache(KEPT)
def centrings(seen: View) -> np.ndarray:
    """Translations inside the cell that leave the crystal as it is, (c, 3), fractions, zero first."""
    kinds, counts = np.unique(seen.numbers, return_counts=True)
    rarest = seen.fractions[seen.numbers == kinds[counts.argmin()]]
    moves = (rarest - rarest[0]) % 1.0
    return moves[[_maps_onto_itself(seen, move) for move in moves]]


def _maps_onto_itself(seen: View, move: np.ndarray) -> bool:
    apart = seen.fractions[:, None, :] + move - seen.fractions[None, :, :]
    distance = np.linalg.norm((apart - np.round(apart)) @ seen.vectors, axis=-1)
    same = seen.numbers[:, None] == seen.numbers[None, :]
    return bool(((distance < 0.1 * SAME_NM) & same).any(axis=1).all())


@lru_cache(KEPT)
def repeat(seen: View) -> float:
    """Distance after which a column repeats along the beam, nm."""
    beam = np.asarray(seen.zone, dtype=float) @ seen.vectors
    moves = translations(seen)
    along = moves[np.linalg.norm(moves[:, :2], axis=1) < 1e-4]
    return float(min([np.linalg.norm(beam), *np.abs(along[:, 2])]))


@lru_cache(KEPT)
def net(seen: View) -> np.ndarray:
    """Basis of the projected lattice, (2, 2), nm, rows: its two shortest vectors that are not parallel."""
    flat = translations(seen)[:, :2]
    lengths = np.linalg.norm(flat, axis=1)
    flat = flat[np.argsort(lengths.round(9), kind="stable")]
    flat = flat[np.linalg.norm(flat, axis=1) > 1e-4]
    first = flat[0]
    independent = np.abs(first[0] * flat[:, 1] - first[1] * flat[:, 0]) > 1e-6
    return np.stack([first, flat[independent][0]])


def rows_in_view(seen: View, number: int = 6) -> list[np.ndarray]:
    """Lattice vectors, (3,), nm, one for each direction across the beam, with the shortest projections first.

    The plane through such a vector and the beam is seen edge-on; the shorter the projection, the denser the plane.
    """
    moves = translations(seen)
    lengths = np.linalg.norm(moves[:, :2], axis=1)
    found: list[np.ndarray] = []
    for move in moves[np.argsort(lengths.round(9), kind="stable")]:
        flat = move[:2]
        parallel = any(abs(flat[0] * f[1] - flat[1] * f[0]) < 1e-6 for f in found)
        if np.linalg.norm(flat) > 1e-4 and not parallel:
            found.append(move)
        if len(found) == number:
            break
    return found


def burgers_vector(seen: View) -> np.ndarray:
    """The shortest lattice translation normal to the beam, (3,), nm: that of the dislocation with the least energy.

    Raises:
        StructureError: `no-burgers-vector` where no lattice vector up to 0.7 nm is normal to the zone.
    """
    moves = translations(seen)
    lengths = np.linalg.norm(moves, axis=1)
    normal = moves[(np.abs(moves[:, 2]) < 1e-3 * lengths) & (lengths <= LONGEST_NM)]
    if not len(normal):
        msg = f"no lattice vector up to {LONGEST_NM} nm is normal to the zone {seen.zone}: take another zone"
        raise StructureError("no-burgers-vector", msg)
    return np.array([*normal[0][:2], 0.0])


@lru_cache(KEPT)
def columns(seen: View) -> tuple[np.ndarray, np.ndarray]:
    """Positions, (c, 2), nm, of the columns that `net` repeats, and how bright each is, (c,), Z**1.7 per nm."""
    flat = (seen.fractions @ seen.vectors)[:, :2]
    basis = net(seen)
    same = wrapped(flat[:, None, :] - flat[None, :, :], basis) < SAME_NM
    weights = seen.numbers.astype(float) ** EXPONENT
    first = same.argmax(axis=1) == np.arange(len(flat))  # the first atom speaks for its column
    volume = abs(np.linalg.det(seen.vectors))
    return flat[first], (same @ weights)[first] * abs(np.linalg.det(basis)) / volume


def wrapped(flat: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Lengths, (...), of plane vectors, (..., 2), modulo a plane lattice."""
    fractions = flat @ np.linalg.inv(basis)
    rest = fractions - np.round(fractions)
    around = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    return np.linalg.norm((rest[..., None, :] + around) @ basis, axis=-1).min(axis=-1)


def resolution(seen: View) -> float:
    """Distance between the closest columns that show, nm."""
    at, bright = columns(seen)
    at = at[bright > 0.1 * bright.max()]
    basis = net(seen)
    apart = wrapped(at[:, None, :] - at[None, :, :], basis)
    np.fill_diagonal(apart, np.linalg.norm(basis[0]))
    return float(apart.min())


def looks_the_same(seen: View, turn: np.ndarray, shift: np.ndarray | None = None) -> bool:
    """Whether the projection, mapped by a matrix (2, 2) and then shifted (2,), nm, falls on itself.

    Without a shift, whether it does so under any.
    """
    basis = net(seen)
    if wrapped(basis @ turn.T, basis).max() > SAME_NM:
        return False
    flat = (seen.fractions @ seen.vectors)[:, :2]
    mapped = flat @ turn.T
    shifts = flat[seen.numbers == seen.numbers[0]] - mapped[0] if shift is None else [shift]
    return any(_covers(seen, mapped + one, flat, basis) for one in shifts)


def _covers(seen: View, mapped: np.ndarray, flat: np.ndarray, basis: np.ndarray) -> bool:
    near = wrapped(mapped[:, None, :] - flat[None, :, :], basis) < SAME_NM
    same = seen.numbers[:, None] == seen.numbers[None, :]
    return bool((near & same).any(axis=1).all())


def miller(seen: View, normal: np.ndarray) -> tuple[int, ...]:
    """Smallest whole indices (hkl) of the plane normal to a vector, (3,), in the structure's own cell."""
    raw = seen.vectors @ normal
    raw = raw / np.abs(raw[np.abs(raw) > 1e-6 * np.abs(raw).max()]).min()
    scaled = next((raw * k for k in range(1, 13) if np.abs(raw * k - np.round(raw * k)).max() < 0.02), raw)
    return tuple(int(i) for i in np.round(scaled))
