"""The guard in front of everything that computes with a structure."""

from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from comma_data.errors import StructureError
from comma_data.lattice import reduce_vectors
from comma_data.sample import RawStructure

FARTHEST = 1e6
"""Å; coordinates beyond it have lost the precision that a neighbour search needs."""
PAIRS = 2**21
"""Distances that are held at once: 16 MB, and as much for each step on the way."""


class Guard(BaseModel):
    """Bounds of a structure that can be computed with.

    The defaults are below what matter has been pressed to: hydrogen at 500 GPa repeats after about 1 Å, its atoms 0.7 Å
    apart, with 1.2 Å³ for each. They refuse crystals of more than 2000 atoms, and those of which one atom has 1000 Å³.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    max_atoms: int = 2000
    """Atoms in a cell."""
    min_distance: float = 0.5
    """Å, between any two atoms or their images."""
    min_height: float = 0.5
    """Å, of the cell over each of its faces in periodic directions."""
    min_volume_per_atom: float = 1.0
    """Å³, where periodic in three directions."""
    max_volume_per_atom: float = 1000.0
    """Å³, where periodic in three directions."""
    max_extent: float = 1000.0
    """Å, from the first to the last atom along any axis, where not periodic in three directions."""

    @model_validator(mode="after")
    def _distance_within_two_cells(self) -> Self:
        """A search that looks farther than two cells could take hours."""
        if not 0 < self.min_distance <= 2 * self.min_height:
            raise ValueError("min_distance has to be positive and at most twice min_height")
        return self


def check_structure(structure: RawStructure, guard: Guard = Guard()) -> None:  # noqa: B008 - frozen
    """Refuse a structure that would crash, hang or mislead a neighbour search; costs well under a millisecond a cell.

    Args:
        structure: Arrays of any content and shape.
        guard: The bounds.

    Raises:
        StructureError: With code `wrong-shape`, `no-atoms`, `too-many-atoms`, `bad-atomic-number`, `not-finite`,
            `cell-not-periodic`, `cell-too-flat`, `atoms-too-dense`, `atoms-too-sparse`, `extent-too-large` or
            `atoms-too-close`.
    """
    with np.errstate(all="ignore"):  # absurd numbers overflow on the way to their refusal
        _check(structure, guard)


def _check(structure: RawStructure, guard: Guard) -> None:
    _check_shapes(structure)
    numbers = np.asarray(structure["numbers"])
    positions = np.asarray(structure["positions"], dtype=float)
    periodic = np.asarray(structure["periodic"])
    _check_atoms(numbers, guard)
    for name in ("positions", "cell", "charges"):
        values = np.abs(np.asarray(structure.get(name, 0.0), dtype=float))
        if not np.isfinite(values).all():
            raise StructureError("not-finite", f"{name} hold a value that is not finite: correct the file")
        if values.max(initial=0.0) > FARTHEST:
            raise StructureError("extent-too-large", f"{name} hold {values.max():.3g} Å: at most {FARTHEST:g}")
    cell = _check_cell(np.asarray(structure["cell"], dtype=float), periodic, guard)
    if periodic.all():
        _check_density(abs(np.linalg.det(cell)) / len(numbers), guard)
    else:
        _check_extent(positions, cell, periodic, guard)
    _check_distances(positions, cell, periodic, guard)


def heights(cell: np.ndarray) -> np.ndarray:
    """Distances (3,) between opposite faces of a cell (3, 3), in its unit."""
    return 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)


def closest(positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, cutoff: float) -> float:
    """Smallest distance below `cutoff` between two atoms or images, infinity where none is that close.

    Only images within `cutoff` of the cell's faces are made, so no search grid is needed.

    Args:
        positions: (n, 3) Å.
        cell: (3, 3) Å, not singular.
        periodic: (3,) bool.
        cutoff: Å.
    """
    fractional = positions @ np.linalg.inv(cell)
    fractional = np.where(periodic, fractional % 1.0, fractional)
    images, edges = fractional, cutoff / heights(cell)
    for axis in np.flatnonzero(periodic):
        once, inside, along = images, images[:, axis], np.eye(3)[axis]
        for cells in range(1, int(np.ceil(edges[axis])) + 1):
            low, high = once[inside + cells <= 1.0 + edges[axis]], once[inside - cells >= -edges[axis]]
            images = np.concatenate([images, low + cells * along, high - cells * along])
    home, around = fractional @ cell, images @ cell
    best = np.inf
    step = max(1, min(256, PAIRS // len(around)))
    for start in range(0, len(home), step):
        rows = np.arange(start, min(start + step, len(home)))
        squared = sum(np.subtract.outer(home[rows, axis], around[:, axis]) ** 2 for axis in range(3))
        squared[np.arange(len(rows)), rows] = np.inf  # an atom and itself: the first images are the atoms
        best = min(best, float(np.sqrt(squared.min())))
    return best if best < cutoff else np.inf


def _check_shapes(structure: RawStructure) -> None:
    raw: dict[str, Any] = dict(structure)
    shapes = {name: np.shape(raw[name]) for name in ("numbers", "positions", "cell", "periodic")}
    n = shapes["numbers"][0] if len(shapes["numbers"]) == 1 else -1
    wanted = {"numbers": (n,), "positions": (n, 3), "cell": (3, 3), "periodic": (3,)}
    if "charges" in raw:
        shapes["charges"], wanted["charges"] = np.shape(raw["charges"]), (n,)
    wrong = [f"{name} {shapes[name]}" for name in wanted if n < 0 or shapes[name] != wanted[name]]
    if wrong and shapes["numbers"] != (0,):
        raise StructureError(
            "wrong-shape", f"{', '.join(wrong)}: give numbers (n,), positions (n, 3), cell (3, 3), periodic (3,)"
        )
    if np.asarray(structure["periodic"]).dtype != bool:
        raise StructureError("wrong-shape", "periodic holds other values than true and false")
    kinds = {name: np.asarray(structure[name]).dtype.kind for name in ("positions", "cell")}
    if any(kind not in "fiu" for kind in kinds.values()):
        raise StructureError("wrong-shape", "positions and cell have to be real numbers")


def _check_atoms(numbers: np.ndarray, guard: Guard) -> None:
    if len(numbers) == 0:
        raise StructureError("no-atoms", "the structure has no atoms")
    if len(numbers) > guard.max_atoms:
        raise StructureError("too-many-atoms", f"{len(numbers)} atoms: at most {guard.max_atoms} (guard.max_atoms)")
    if numbers.dtype.kind not in "iu" or numbers.min() < 1 or numbers.max() > 118:
        raise StructureError("bad-atomic-number", "atomic numbers are whole numbers from 1 to 118")


def _check_cell(cell: np.ndarray, periodic: np.ndarray, guard: Guard) -> np.ndarray:
    """The cell, with unit vectors across where it does not repeat."""
    rows = cell[periodic]
    if not rows.any(axis=1).all():
        raise StructureError("cell-not-periodic", "a direction is called periodic and its lattice vector is zero")
    _, spread, directions = np.linalg.svd(rows) if len(rows) else (None, np.ones(0), np.eye(3))
    if len(spread) and spread.min() < 1e-6 * max(1.0, spread.max()):
        raise StructureError("cell-too-flat", "the lattice vectors lie in one plane or line")
    full = cell.copy()
    full[~periodic] = directions[len(rows) :]
    lowest = heights(full)[periodic].min(initial=np.inf)
    if lowest < guard.min_height:
        raise StructureError(
            "cell-too-flat",
            f"the cell is {lowest:.3g} Å high: at least {guard.min_height:g} Å (guard.min_height); reduce it if skewed",
        )
    return full


def _check_density(volume: float, guard: Guard) -> None:
    if volume < guard.min_volume_per_atom:
        raise StructureError(
            "atoms-too-dense",
            f"{volume:.3g} Å³ per atom: at least {guard.min_volume_per_atom:g} (guard.min_volume_per_atom)",
        )
    if volume > guard.max_volume_per_atom:
        raise StructureError(
            "atoms-too-sparse",
            f"{volume:.3g} Å³ per atom: at most {guard.max_volume_per_atom:g} (guard.max_volume_per_atom)",
        )


def _check_extent(positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, guard: Guard) -> None:
    across = (positions @ np.linalg.inv(cell))[:, ~periodic]  # unit vectors across: Å
    lengths = np.linalg.norm(cell[periodic], axis=1)
    extent = max(np.ptp(across, axis=0).max(initial=0.0), lengths.max(initial=0.0))
    if extent > guard.max_extent:
        raise StructureError(
            "extent-too-large", f"the atoms span {extent:.4g} Å: at most {guard.max_extent:g} (guard.max_extent)"
        )


def _check_distances(positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, guard: Guard) -> None:
    if heights(cell)[periodic].min(initial=np.inf) < 2 * guard.min_distance:
        cell = cell.copy()  # skewed in three directions, every atom would have 26 images as near as that
        cell[periodic] = reduce_vectors(cell[periodic])
    distance = closest(positions, cell, periodic, guard.min_distance)
    if distance < guard.min_distance:
        raise StructureError(
            "atoms-too-close",
            f"two atoms are {distance:.3g} Å apart: at least {guard.min_distance:g} Å (guard.min_distance)",
        )
