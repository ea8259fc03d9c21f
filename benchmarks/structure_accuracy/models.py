"""The structure encoder and its peers behind one face."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from comma_encoders.modality import get
from pymatgen.core import Element, Structure
from pymatgen.optimization.neighbors import find_points_in_spheres
from torch import Tensor, nn

ELEMENTS = tuple(Element.from_Z(z).symbol for z in range(1, 95))
"""What matgl's models know."""


class Comma:
    """The encoder of the package, and a small network on its vector."""

    def __init__(self, seed: int, **changes: Any) -> None:
        torch.manual_seed(seed)
        self._modality = get("structure")
        self._config = self._modality.Config(**changes)
        encoder = self._modality.Encoder(self._config)
        width = encoder.width
        self.module: nn.Module = nn.Sequential(encoder, nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def prepare(self, structure: Any) -> Any:
        """The raw structure: graphs are made anew in every batch."""
        return structure

    def batch(self, prepared: Sequence[Any]) -> Any:
        """What `collate` makes."""
        return self._modality.collate(prepared, self._config)

    def output(self, batch: Any) -> Tensor:
        """Standard deviations from the mean, (structures,)."""
        out: Tensor = self.module(batch)[:, 0]
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
        self.module: nn.Module = _CGCNN(**changes)

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

    def batch(self, prepared: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
        """One graph of all."""
        counts = torch.tensor([len(numbers) for numbers, _, _ in prepared])
        shifts = counts.cumsum(0) - counts
        edges = torch.cat([e + shift for (_, e, _), shift in zip(prepared, shifts, strict=True)], dim=1)
        owner = torch.repeat_interleave(torch.arange(len(prepared)), counts)
        numbers, distance = (torch.cat([p[k] for p in prepared]) for k in (0, 2))
        return numbers, edges, distance, owner, len(prepared)

    def output(self, batch: tuple[Tensor, Tensor, Tensor, Tensor, int]) -> Tensor:
        """Standard deviations from the mean, (structures,)."""
        out: Tensor = self.module(*batch)
        return out


class _Matgl:
    """A model of matgl (Ko et al. 2025, doi:10.1038/s41524-025-01742-y) on its own graphs, made once."""

    def __init__(self, model: nn.Module, cutoff: float) -> None:
        self.module: nn.Module = model
        self._elements = ELEMENTS
        self._cutoff = cutoff

    def prepare(self, structure: Any) -> Any:
        """Matgl's graph."""
        from matgl.ext.pymatgen import Structure2Graph

        crystal = Structure(structure["cell"], structure["numbers"], structure["positions"], coords_are_cartesian=True)
        graph, lattice, _ = Structure2Graph(self._elements, self._cutoff).get_graph(crystal)
        graph.pos = graph.frac_coords @ lattice[0]
        graph.pbc_offshift = graph.pbc_offset @ lattice[0]
        return graph

    def batch(self, prepared: Sequence[Any]) -> Any:
        """One graph of all."""
        from torch_geometric.data import Batch

        return Batch.from_data_list(prepared)

    def output(self, batch: Any) -> Tensor:
        """Standard deviations from the mean, (structures,)."""
        state = torch.zeros(batch.num_graphs, 2)
        out: Tensor = self.module(batch, state_attr=state)
        return out.reshape(-1)


class MEGNet(_Matgl):
    """Chen et al. 2019, doi:10.1021/acs.chemmater.9b01294, with matgl's own sizes."""

    CUTOFF = 5.0

    def __init__(self, seed: int, **changes: Any) -> None:
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the library, at import
            from matgl.models import MEGNet as Model
        super().__init__(Model(cutoff=self.CUTOFF, element_types=ELEMENTS, **changes), self.CUTOFF)


class M3GNet(_Matgl):
    """Chen and Ong 2022, doi:10.1038/s43588-022-00349-3, with matgl's own sizes unless a width is given."""

    CUTOFF = 5.0

    def __init__(self, seed: int, width: int = 64) -> None:
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the library, at import
            from matgl.models import M3GNet as Model
        model = Model(
            cutoff=self.CUTOFF,
            element_types=ELEMENTS,
            dim_node_embedding=width,
            dim_edge_embedding=width,
            units=width,
        )
        super().__init__(model, self.CUTOFF)

    def batch(self, prepared: Sequence[Any]) -> Any:
        """One graph of all, with its triplets."""
        from matgl.graph._compute import compute_pair_vector_and_distance, create_line_graph

        graph = super().batch(prepared)
        vector, distance = compute_pair_vector_and_distance(graph.pos, graph.edge_index, graph.pbc_offshift)
        line = create_line_graph(
            graph.edge_index, distance, vector, graph.pbc_offshift, graph.num_nodes, self.module.threebody_cutoff
        )
        return graph, line

    def output(self, batch: Any) -> Tensor:
        """Standard deviations from the mean, (structures,)."""
        graph, line = batch
        out: Tensor = self.module(graph, l_g=line)
        return out.reshape(-1)
