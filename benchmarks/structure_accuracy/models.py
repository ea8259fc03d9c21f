"""The structure encoder and its peers behind one face."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from comma_encoders.modality import get
from pymatgen.optimization.neighbors import find_points_in_spheres
from torch import Tensor, nn


class Comma:
    """The encoder of the package, and a small network on its vector."""

    def __init__(self, seed: int, **changes: Any) -> None:
        torch.manual_seed(seed)
        self._modality = get("structure")
        self._config = self._modality.Config(**changes)
        encoder = self._modality.Encoder(self._config)
        width = encoder.width
        self.module = nn.Sequential(encoder, nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def prepare(self, structure: Any) -> Any:
        """The raw structure: graphs are made anew in every batch."""
        return structure

    def predict(self, prepared: Sequence[Any]) -> Tensor:
        """Standard deviations from the mean, (structures,)."""
        out: Tensor = self.module(self._modality.collate(prepared, self._config))[:, 0]
        return out


class _CGCNN(nn.Module):
    """Xie and Grossman 2018, doi:10.1103/PhysRevLett.120.145301, of PyG's `CGConv`, sizes of the authors."""

    CENTRES = torch.arange(0, 8.01, 0.2)

    def __init__(self, width: int = 64, layers: int = 3, hidden: int = 128) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the library, at import
            from torch_geometric.nn import CGConv
        self.species = nn.Embedding(119, width)
        self.rounds = nn.ModuleList(CGConv(width, len(self.CENTRES), batch_norm=True) for _ in range(layers))
        self.out = nn.Sequential(nn.Softplus(), nn.Linear(width, hidden), nn.Softplus(), nn.Linear(hidden, 1))

    def forward(self, numbers: Tensor, edges: Tensor, distance: Tensor, owner: Tensor, count: int) -> Tensor:
        expanded = torch.exp(-(((distance[:, None] - self.CENTRES) / 0.2) ** 2))
        h = self.species(numbers)
        for messages in self.rounds:
            h = messages(h, edges, expanded)
        total = h.new_zeros(count, h.shape[1]).index_add(0, owner, h)
        out: Tensor = self.out(total / torch.bincount(owner, minlength=count)[:, None])[:, 0]
        return out


class CGCNN:
    """The twelve nearest neighbours within 8 Å, made once; the elements' features are learnt, not read from a table."""

    NEIGHBOURS = 12

    def __init__(self, seed: int, **changes: Any) -> None:
        torch.manual_seed(seed)
        self.module = _CGCNN(**changes)

    def prepare(self, structure: Any) -> tuple[Tensor, Tensor, Tensor]:
        """numbers, edges (2, e), distance."""
        points = np.ascontiguousarray(structure["positions"])
        cell = np.ascontiguousarray(structure["cell"])
        pbc = np.ones(3, dtype=np.int64)
        target, source, _, distance = find_points_in_spheres(points, points, r=8.0, pbc=pbc, lattice=cell, tol=1e-8)
        keep = distance > 1e-8
        target, source, distance = target[keep], source[keep], distance[keep]
        order = np.lexsort((distance, target))
        target, source, distance = target[order], source[order], distance[order]
        rank = np.arange(len(target)) - np.searchsorted(target, target)
        near = rank < self.NEIGHBOURS
        edges = torch.from_numpy(np.stack([source[near], target[near]]))
        return torch.from_numpy(structure["numbers"]), edges, torch.from_numpy(distance[near].astype(np.float32))

    def predict(self, prepared: Sequence[Any]) -> Tensor:
        """Standard deviations from the mean, (structures,)."""
        counts = torch.tensor([len(numbers) for numbers, _, _ in prepared])
        shifts = counts.cumsum(0) - counts
        edges = torch.cat([e + shift for (_, e, _), shift in zip(prepared, shifts, strict=True)], dim=1)
        owner = torch.repeat_interleave(torch.arange(len(prepared)), counts)
        numbers, distance = (torch.cat([p[k] for p in prepared]) for k in (0, 2))
        out: Tensor = self.module(numbers, edges, distance, owner, len(prepared))
        return out
