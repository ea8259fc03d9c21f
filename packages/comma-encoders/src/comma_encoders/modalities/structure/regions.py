"""Regions of a large cell, whose atoms are pooled into super-nodes that carry messages over long distances."""

from dataclasses import dataclass

import numpy as np

from comma_encoders.modalities.structure.guard import heights
from comma_encoders.modalities.structure.neighbours import Neighbours, neighbours


@dataclass(frozen=True, kw_only=True)
class Regions:
    """A partition of the atoms, and the graph of its parts."""

    of_atom: np.ndarray
    """(atoms,): the region that an atom lies in."""
    graph: Neighbours


def partition(positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, side: float) -> np.ndarray:
    """The region of each atom, (atoms,), numbered without gaps: a grid of boxes with edges of about `side`.

    Along a lattice vector the boxes begin where the cell does, elsewhere at the outermost atom.

    Args:
        positions: (atoms, 3), Å.
        cell: (3, 3), Å, completed.
        periodic: (3,).
        side: Å.
    """
    fractional = positions @ np.linalg.inv(cell)
    least, extent = fractional.min(axis=0), np.ptp(fractional, axis=0)
    start = np.where(periodic, np.floor(fractional), least)
    length = np.where(periodic, 1.0, np.maximum(extent, 1e-9))
    size = np.where(periodic, heights(cell), extent)
    boxes = np.maximum(1, np.round(size / side)).astype(np.int64)
    place = np.minimum(((fractional - start) / length * boxes).astype(np.int64), boxes - 1)
    numbers: np.ndarray = np.unique(np.ravel_multi_index(tuple(place.T), tuple(boxes)), return_inverse=True)[1]
    return numbers.reshape(-1)


def regions(positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, side: float, reach: float) -> Regions:
    """Regions with edges of about `side`, and which of them, with periodic images, lie within `reach` of each other.

    Args:
        positions: (atoms, 3), Å.
        cell: (3, 3), Å, completed.
        periodic: (3,).
        side: Å.
        reach: Å, between the mean positions of the regions' atoms.
    """
    of_atom = partition(positions, cell, periodic, side)
    # a mean over atoms of one box is taken of their images within the cell
    shift = np.where(periodic, np.floor(positions @ np.linalg.inv(cell)), 0.0) @ cell
    count = np.bincount(of_atom)
    centres = np.stack([np.bincount(of_atom, column) / count for column in (positions - shift).T], axis=1)
    return Regions(of_atom=of_atom, graph=neighbours(centres, cell, periodic, reach, least=0.0))
