"""A continuous-filter network whose radial functions are splines.

Messages follow SchNet (Schütt et al. 2018, doi:10.1063/1.5019779, eq. 5): the features of a neighbour, channel by
channel, times a learnt function of its distance. Here that function is a cubic B-spline with learnt coefficients times
a smooth cutoff, so that it costs four multiply-adds a channel instead of a small network.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from comma_encoders.modalities.structure.config import Config
from comma_encoders.types import Inputs


def spline_basis(distance: Float[Tensor, " e"], cutoff: float, count: int) -> Float[Tensor, "e count"]:
    """Values of `count` uniform cubic B-splines that cover [0, cutoff] (de Boor, A Practical Guide to Splines).

    Inside the interval they sum to one; each is twice continuously differentiable.
    """
    knots = count - 3
    t = (distance / cutoff).clamp(0, 1) * knots
    first = t.floor().clamp(max=knots - 1)
    u = (t - first)[:, None]
    pieces = torch.cat([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], dim=1) / 6
    columns = first.long()[:, None] + torch.arange(4, device=distance.device)
    return torch.zeros(len(distance), count, device=distance.device, dtype=pieces.dtype).scatter(1, columns, pieces)


def smooth_cutoff(distance: Float[Tensor, " e"], cutoff: float) -> Float[Tensor, " e"]:
    """1 at distance 0, 0 at the cutoff, with a vanishing slope there (Behler 2011, doi:10.1063/1.3553717, eq. 3)."""
    return 0.5 * (1 + torch.cos(math.pi * (distance / cutoff).clamp(0, 1)))


class Convolution(nn.Module):
    """One round of messages: (atoms, width) -> (atoms, width)."""

    def __init__(self, width: int, splines: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.send = nn.Linear(width, width, bias=False)
        self.radial = nn.Parameter(torch.randn(splines, width) / math.sqrt(width))
        self.update = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(
        self,
        h: Float[Tensor, "atoms width"],
        basis: Float[Tensor, "edges splines"],
        target: Int[Tensor, " edges"],
        source: Int[Tensor, " edges"],
    ) -> Float[Tensor, "atoms width"]:
        """Add to each atom what its neighbours send through the radial functions."""
        message = (basis @ self.radial) * self.send(self.norm(h))[source]
        return h + self.update(torch.zeros_like(h).index_add(0, target, message))


class Readout(nn.Module):
    """Atoms -> structures, by mean, sum, or attention over the atoms of each structure."""

    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.score = nn.Linear(width, 1) if kind == "attention" else None

    def forward(
        self, h: Float[Tensor, "atoms width"], owner: Int[Tensor, " atoms"], count: int
    ) -> Float[Tensor, "structures width"]:
        """One vector a structure."""
        weight = h.new_ones(len(h), 1)
        if self.score is not None:
            score = self.score(h)[:, 0]
            top = score.new_full((count,), -torch.inf).scatter_reduce(0, owner, score.detach(), "amax")
            weight = (score - top[owner]).exp()[:, None]
        total = h.new_zeros(count, h.shape[1]).index_add(0, owner, weight * h)
        if self.kind == "sum":
            return total
        return total / h.new_zeros(count, 1).index_add(0, owner, weight)


class Encoder(nn.Module):
    """Graph of atoms -> (structures, width). Invariant under rotation, translation, and order of the atoms."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.width = config.width
        self.species = nn.Embedding(119, config.width)
        self.rounds = nn.ModuleList(Convolution(config.width, config.splines) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.readout = Readout(config.width, config.readout)

    def forward(self, inputs: Inputs) -> Float[Tensor, "structures width"]:
        """Encode what `graph.collate` made."""
        distance, cutoff = inputs["distance"], self.config.cutoff
        basis = spline_basis(distance, cutoff, self.config.splines) * smooth_cutoff(distance, cutoff)[:, None]
        h = self.species(inputs["numbers"])
        for convolution in self.rounds:
            h = convolution(h, basis, inputs["target"], inputs["source"])
        return self.readout(self.norm(h), inputs["structure"], int(inputs["count"]))
