"""Projection heads."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

SHARED = "shared head"
"""Under this name a model keeps the head of all modalities, where they share one."""


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


def shared(widths: Mapping[str, int], dim: int) -> dict[str, nn.Module]:
    """Modality -> a linear map of its encoder's width to `dim`; and the head that all go through after it."""
    return {**{name: nn.Linear(width, dim) for name, width in widths.items()}, SHARED: Head(dim, dim)}
