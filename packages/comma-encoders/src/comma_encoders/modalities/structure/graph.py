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
from comma_encoders.modalities.structure.neighbours import Neighbours, neighbours
from comma_encoders.modalities.structure.regions import regions

Arrays = dict[str, np.ndarray]
"""Name -> array of one structure."""


def _graph(value: Any, config: Config) -> Arrays:
    """The graph of one structure, with the regions of its atoms where the encoder pools them."""
    numbers, positions, cell, periodic = checked(value, config)
    found = neighbours(positions, cell, periodic, config.cutoff)
    graph = {"numbers": numbers, "known": known(value, len(numbers)), **_edges(found, "")}
    if config.region:
        parts = regions(positions, cell, periodic, config.region, config.far)
        graph |= {"region": parts.of_atom, **_edges(parts.graph, "far_")}
    return graph


def _edges(found: Neighbours, prefix: str) -> Arrays:
    arrays = {"start": found.start, "source": found.source, "vector": found.vector.astype(np.float32)}
    return {prefix + name: array for name, array in arrays.items()}


def _joined(graphs: Sequence[Arrays], prefix: str) -> dict[str, Tensor]:
    """The edges of all graphs, with nodes and edges numbered throughout."""
    starts = [graph[f"{prefix}start"] for graph in graphs]
    nodes = np.cumsum([0, *(len(start) - 1 for start in starts)])
    edges = np.cumsum([0, *(start[-1] for start in starts)])
    shifted = {
        "start": [start[:-1] + edge for start, edge in zip(starts, edges[:-1], strict=True)] + [edges[-1:]],
        "source": [graph[f"{prefix}source"] + first for graph, first in zip(graphs, nodes[:-1], strict=True)],
        "vector": [graph[f"{prefix}vector"] for graph in graphs],
    }
    return {prefix + name: torch.from_numpy(np.concatenate(parts)) for name, parts in shifted.items()}


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """One graph of all structures.

    Returns:
        `numbers` (atoms,) int64; `known` (atoms, 4) float32, see `known.known`; `structure` (atoms,) int64, rising,
        which value an atom belongs to; `start` (atoms + 1,) int64, the edges that lead to atom i are start[i] to
        start[i + 1]; `source` (edges,) int64, where they come from; `vector` (edges, 3) float32, Å, from the atom to
        that neighbour; `count` () int64, the number of structures. Where the encoder pools regions, also `region`
        (atoms,) int64, and `far_start`, `far_source`, `far_vector`, the graph of the regions.

    Raises:
        InputError: a structure that the guard refuses; the message gives its place in the list.
    """
    graphs: list[Arrays] = []
    for i, value in enumerate(values):
        try:
            graphs.append(_graph(value, config))
        except InputError as error:
            raise InputError(f"structure {i} of {len(values)}: {error}") from error
    sizes = [len(graph["numbers"]) for graph in graphs]
    out = {
        "numbers": torch.from_numpy(np.concatenate([graph["numbers"] for graph in graphs])),
        "known": torch.from_numpy(np.concatenate([graph["known"] for graph in graphs])),
        "structure": torch.from_numpy(np.repeat(np.arange(len(graphs)), sizes)),
        **_joined(graphs, ""),
        "count": torch.tensor(len(values)),
    }
    return out | _regions(graphs) if config.region else out


def _regions(graphs: Sequence[Arrays]) -> dict[str, Tensor]:
    firsts = np.cumsum([0, *(len(graph["far_start"]) - 1 for graph in graphs)])
    numbers = [graph["region"] + first for graph, first in zip(graphs, firsts[:-1], strict=True)]
    return {"region": torch.from_numpy(np.concatenate(numbers)), **_joined(graphs, "far_")}
