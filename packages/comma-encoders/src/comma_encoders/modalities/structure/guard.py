"""Refuse arrays that would crash, hang or mislead a neighbour search, before one is made.

Curation of whole data sets, with countable codes, is the business of comma-data; this is the short guard that every
value passes, whoever made it.
"""

from collections.abc import Sequence
from math import hypot, isfinite
from typing import Any

import numpy as np

from comma_encoders.errors import InputError
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.memory import check_room

MIN_HEIGHT = 0.5
"""Å between opposite faces of the cell; a thinner cell makes the number of images explode. Hydrogen under pressure
repeats after 0.98 Å."""
MAX_EXTENT = 1e5
"""Å."""
VACUUM = 4
"""Cutoffs from which on a cell may hold more vacuum than its mean density tells."""


def heights(cell: np.ndarray) -> np.ndarray:
    """Distances between opposite faces of a cell, (3,), Å; 0 where the cell is flat."""
    a, b, c = cell.tolist()
    faces = _cross(b, c), _cross(c, a), _cross(a, b)
    volume, areas = _volume(cell), [hypot(*face) for face in faces]
    return np.array([volume / area if area > 0 else 0.0 for area in areas])


def _cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Of two vectors; a call of numpy takes twenty times as long, and every structure of every batch needs three."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _volume(cell: np.ndarray) -> float:
    a, b, c = cell.tolist()
    return abs(sum(x * y for x, y in zip(a, _cross(b, c), strict=True)))


def completed(cell: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """The cell with unit vectors in place of the directions that do not repeat, (3, 3), Å.

    The unit vectors are orthogonal to the lattice vectors that are kept, so that fractional coordinates exist.
    """
    if periodic.all():
        return cell
    out = np.where(periodic[:, None], cell, 0.0)
    missing = np.flatnonzero(~periodic)
    if len(missing):
        basis = np.linalg.svd(out)[2]
        out[missing] = basis[3 - len(missing) :]
    return out


def estimated_edges(positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, cutoff: float) -> float:
    """Neighbour pairs to expect from the mean density, in both directions.

    Args:
        positions: (n, 3), Å.
        cell: (3, 3), Å, completed.
        periodic: (3,); along the other directions the atoms' extent, at least the cutoff, stands for the cell's, and
            along these where the cell has room for vacuum.
        cutoff: Å.
    """
    n, space = len(positions), _volume(cell)
    room = heights(cell)
    if not periodic.all() or room.max() > VACUUM * cutoff:
        fractional = positions @ np.linalg.inv(cell)
        extent = np.maximum(np.ptp(fractional, axis=0) * room, cutoff) / room
        held = [_occupied(along, cutoff / high) for along, high in zip(fractional.T, room.tolist(), strict=True)]
        space *= float(np.where(periodic, held, extent).prod())
    density = n / space
    pairs = n * density * 4 / 3 * np.pi * cutoff**3
    return float(pairs if periodic.any() else min(pairs, n * (n - 1)))


def _occupied(along: np.ndarray, least: float) -> float:
    """Share of a periodic direction in which there are atoms: all but the widest gap, and at least `least`."""
    places = np.sort(along % 1.0)
    gap = max(1.0 + places[0] - places[-1], np.diff(places).max(initial=0.0))
    return float(min(1.0, max(1.0 - gap, least)))


def _whole(given: Any) -> np.ndarray:
    numbers = np.asarray(given)
    if numbers.dtype.kind == "f" and (numbers != np.trunc(numbers)).any():  # a cast would make carbon of 6.9
        raise ValueError(f"atomic numbers are whole; got {numbers[numbers != np.trunc(numbers)][0]}")
    return numbers.astype(np.int64, copy=False)


def _arrays(value: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    try:
        return (
            _whole(value["numbers"]),
            np.asarray(value["positions"], dtype=np.float64),
            np.asarray(value["cell"], dtype=np.float64),
            np.asarray(value["periodic"], dtype=bool),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"a structure needs numbers (n,), positions (n, 3), cell (3, 3) and periodic (3,): {error!r}"
        ) from error


def _check_shapes(numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray) -> None:
    n = len(numbers) if numbers.ndim == 1 else -1
    if n < 1 or positions.shape != (n, 3) or cell.shape != (3, 3) or periodic.shape != (3,):
        raise InputError(
            f"a structure needs numbers (n,), positions (n, 3), cell (3, 3), periodic (3,) with n >= 1; got "
            f"{numbers.shape}, {positions.shape}, {cell.shape}, {periodic.shape}"
        )


def _check_values(numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> None:
    farthest = np.maximum(np.abs(positions).max(), np.abs(cell).max())
    if not isfinite(farthest):
        raise InputError("a structure has a NaN or infinite position or cell vector; repair or drop it")
    if numbers.min() < 1 or numbers.max() > 118:
        raise InputError(f"atomic numbers run from 1 to 118; got {numbers.min()} to {numbers.max()}")
    if farthest > MAX_EXTENT:
        raise InputError(f"coordinates beyond {MAX_EXTENT:g} Å; are they in Å?")


def _safe_cell(full: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """The cell; of a skewed one that is thin the compact one of the same lattice."""
    if not periodic.any() or heights(full)[periodic].min() >= MIN_HEIGHT:
        return full
    compact = full
    if periodic.all() and _volume(full) >= MIN_HEIGHT**3:
        from pymatgen.core import Lattice  # noqa: PLC0415  half a second

        compact = np.array(Lattice(full).get_lll_reduced_lattice().matrix)
    if heights(compact)[periodic].min() < MIN_HEIGHT:
        raise InputError(
            f"the cell is flat or thinner than {MIN_HEIGHT} Å in a direction in which it repeats; is it in Å, with a "
            "lattice vector in each row?"
        )
    return compact


def checked(value: Any, config: Config) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Arrays of a safe structure: numbers (n,), positions (n, 3) Å, cell (3, 3) Å without zero rows, periodic (3,).

    Raises:
        InputError: an array of another shape, a value that is not finite, an impossible atomic number, a flat cell,
            more neighbour pairs than `max_edges`, or than memory holds.
    """
    numbers, positions, cell, periodic = _arrays(value)
    _check_shapes(numbers, positions, cell, periodic)
    _check_values(numbers, positions, cell)
    full = completed(cell, periodic)
    full = _safe_cell(full, periodic)
    edges = estimated_edges(positions, full, periodic, config.cutoff)
    if edges > config.max_edges:
        raise InputError(
            f"a structure of {len(numbers)} atoms would have about {edges:.3g} neighbour pairs within {config.cutoff} "
            f"Å, more than max_edges = {config.max_edges}; is the cell in Å? Else raise max_edges or lower cutoff"
        )
    check_room(len(numbers), edges, config)
    return numbers, positions, full, periodic
