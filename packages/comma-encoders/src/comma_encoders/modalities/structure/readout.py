"""Atoms -> structures."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Readout(nn.Module):
    """Atoms -> structures, by mean, sum, or attention over the atoms of each structure."""

    def __init__(self, width: int, kind: Literal["mean", "sum", "attention"]) -> None:
        super().__init__()
        self.kind = kind
        # a bias would be the same for all atoms, and fall out
        self.score = nn.Linear(width, 1, bias=False) if kind == "attention" else None

    def forward(
        self, h: Float[Tensor, "atoms width"], owner: Int[Tensor, " atoms"], count: int
    ) -> Float[Tensor, "structures width"]:
        """One vector a structure."""
        weight = h.new_ones(len(h), 1)
        if self.score is not None:
            score = self.score(h)[:, 0].to(h.dtype)  # autocast gives a shorter type
            top = score.new_full((count,), -torch.inf).scatter_reduce(0, owner, score.detach(), "amax")
            weight = (score - top[owner]).exp()[:, None]
        total = h.new_zeros(count, h.shape[1]).index_add(0, owner, weight * h)
        if self.kind == "sum":
            return total
        return total / h.new_zeros(count, 1).index_add(0, owner, weight)
