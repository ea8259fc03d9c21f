"""Structures -> one graph of all their atoms. Graphs are made when a batch is, and never stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pymatgen.optimization.neighbors import find_points_in_spheres
from torch import Tensor

from comma_encoders.errors import InputError
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.guard import checked

MIN_DISTANCE = 0.5
"""Å; nearer atoms are a mistake in the data."""

Edges = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Receiving atom (e,), sending atom (e,), distance (e,) Å. Every pair stands there in both directions."""


def neighbours(positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, cutoff: float) -> Edges:
    """All pairs of atoms, with periodic images, at most `cutoff` Å apart; an atom is not its own neighbour.

    positions (n, 3) Å, cell (3, 3) Å without zero rows, periodic (3,). The search is pymatgen's compiled one.
    """
    points = np.ascontiguousarray(positions)
    target, source, _, distance = find_points_in_spheres(
        points,
        points,
        r=float(cutoff),
        pbc=np.ascontiguousarray(periodic, dtype=np.int64),
        lattice=np.ascontiguousarray(cell),
        tol=1e-8,
    )
    other = distance > 1e-8
    # An atom is at distance zero of itself, once; a further zero is another atom at the same place.
    if len(distance) - other.sum() > len(points) or (other.any() and distance[other].min() < MIN_DISTANCE):
        raise InputError(f"two atoms of a structure are less than {MIN_DISTANCE} Å apart; repair or drop it")
    return target[other], source[other], distance[other]


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """One graph of all structures.

    Returns:
        `numbers` (atoms,) int64; `structure` (atoms,) int64, rising, which value an atom belongs to; `target` and
        `source` (edges,) int64; `distance` (edges,) float32, Å; `count` () int64, the number of structures.

    Raises:
        InputError: a structure that the guard refuses; the message gives its place in the list.
    """
    numbers, owner, targets, sources, distances = [], [], [], [], []
    offset = 0
    for i, value in enumerate(values):
        try:
            z, positions, cell, periodic = checked(value, cutoff=config.cutoff, max_edges=config.max_edges)
            target, source, distance = neighbours(positions, cell, periodic, config.cutoff)
        except InputError as error:
            raise InputError(f"structure {i} of {len(values)}: {error}") from error
        numbers.append(z)
        owner.append(np.full(len(z), i))
        targets.append(target + offset)
        sources.append(source + offset)
        distances.append(distance)
        offset += len(z)
    return {
        "numbers": torch.from_numpy(np.concatenate(numbers)),
        "structure": torch.from_numpy(np.concatenate(owner)),
        "target": torch.from_numpy(np.concatenate(targets)),
        "source": torch.from_numpy(np.concatenate(sources)),
        "distance": torch.from_numpy(np.concatenate(distances).astype(np.float32)),
        "count": torch.tensor(len(values)),
    }
