"""Projection heads."""

from jaxtyping import Float
from torch import Tensor, nn


class Head(nn.Module):
    """Projection from an encoder's vectors into the shared space: a linear map plus a small network.

    The linear path lets what adds up in one modality, such as the elements, add up in another, also in combinations
    that training never showed; a network alone (SimCLR, Chen et al. 2020, arXiv:2002.05709) learns them by heart.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, dim)
        self.network = nn.Sequential(nn.Linear(width, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, x: Float[Tensor, "values width"]) -> Float[Tensor, "values dim"]:
        """Project; the result is not normalised."""
        x = self.norm(x)
        projected: Tensor = self.linear(x) + self.network(x)
        return projected
