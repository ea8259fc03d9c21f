"""Structures -> one graph of all their atoms. Graphs are made when a batch is, and never stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from comma_encoders.errors import InputError
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.guard import checked
from comma_encoders.modalities.structure.known import known
from comma_encoders.modalities.structure.neighbours import neighbours


def _graph(value: Any, config: Config) -> tuple[np.ndarray, ...]:
    """numbers, start, source, vector, known of one structure."""
    numbers, positions, cell, periodic = checked(value, config)
    found = neighbours(positions, cell, periodic, config.cutoff)
    return numbers, found.start, found.source, found.vector.astype(np.float32), known(value, len(numbers))


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """One graph of all structures.

    Returns:
        `numbers` (atoms,) int64; `known` (atoms, 4) float32, see `known.known`; `structure` (atoms,) int64, rising,
        which value an atom belongs to; `start` (atoms + 1,) int64, the edges that lead to atom i are start[i] to
        start[i + 1]; `source` (edges,) int64, where they come from; `vector` (edges, 3) float32, Å, from the atom to
        that neighbour; `count` () int64, the number of structures.

    Raises:
        InputError: a structure that the guard refuses; the message gives its place in the list.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    atoms = edges = 0
    for i, value in enumerate(values):
        try:
            numbers, start, source, vector, features = _graph(value, config)
        except InputError as error:
            raise InputError(f"structure {i} of {len(values)}: {error}") from error
        parts.append((numbers, np.full(len(numbers), i), start[:-1] + edges, source + atoms, vector, features))
        atoms, edges = atoms + len(numbers), edges + len(source)
    numbers, owner, starts, sources, vectors, features = (
        torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True)
    )
    return {
        "numbers": numbers,
        "known": features,
        "structure": owner,
        "start": torch.cat([starts, torch.tensor([edges])]),
        "source": sources,
        "vector": vectors,
        "count": torch.tensor(len(values)),
    }
