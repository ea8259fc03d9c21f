"""A residual network over 1/d (He et al. 2016, arXiv:1512.03385, in one dimension)."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.modalities.xrd import masks
from comma_encoders.modalities.xrd.config import Config

STEM = 16
"""Channels of the first layer, which halves the resolution; each block doubles them, up to the width."""


def stride(config: Config) -> int:
    """Bins that share a place of the last map."""
    return int(2 ** (config.depth + 1))


class Block(nn.Module):
    """Two convolutions beside a shortcut, at half the resolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels_in, channels_out, kernel_size=7, padding=3, stride=2)
        self.first_norm = nn.GroupNorm(8, channels_out)
        self.second = nn.Conv1d(channels_out, channels_out, kernel_size=5, padding=2)
        self.second_norm = nn.GroupNorm(8, channels_out)
        self.shortcut = nn.Conv1d(channels_in, channels_out, kernel_size=1)

    def forward(self, x: Float[Tensor, "values channels places"]) -> Float[Tensor, "values wider half"]:
        """Halve the resolution."""
        hidden = functional.gelu(self.first_norm(self.first(x)))
        summed = self.shortcut(functional.avg_pool1d(x, 2)) + self.second_norm(self.second(hidden))
        return functional.gelu(summed)


class ResNet(nn.Module):
    """Binned patterns -> (values, width), and a map with a place for each `stride` bins.

    The position of a peak is the signal, so the last map is not averaged away: every place has weights of its own.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        channels = [STEM, *(min(STEM * 2**i, config.width) for i in range(1, config.depth + 1))]
        places = config.bins // stride(config)
        self.map_size = (places, channels[-1])
        self.stem = nn.Conv1d(2, STEM, kernel_size=8, padding=3, stride=2)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in pairwise(channels))
        self.out = nn.Sequential(
            nn.Linear(channels[-1] * places, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )

    def forward(
        self, pattern: Float[Tensor, "values 2 bins"]
    ) -> tuple[Float[Tensor, "values width"], Float[Tensor, "values positions channels"]]:
        """Encode intensities and the mask of what was measured: the vectors, and the last map.

        Places that were not measured stay zero from layer to layer. Only the map shows there what the last block makes
        of their neighbours; no vector sees it.
        """
        measured = masks.coarse(pattern[:, 1], 2)
        x = functional.gelu(self.stem(pattern))
        for block in self.blocks:
            x = block(x * (measured > 0)[:, None])
            measured = masks.coarse(measured, 2)
        # a pattern of which half is missing counts as much as a whole one, as after dropout
        share = measured.mean(dim=1)[:, None, None].clamp(min=1 / measured.shape[1])
        return self.out((x * measured[:, None] / share).flatten(1)), x.transpose(1, 2)
