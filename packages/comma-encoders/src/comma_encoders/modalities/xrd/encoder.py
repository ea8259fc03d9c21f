"""A convolutional network over 1/d."""

from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.modalities.xrd.config import Config
from comma_encoders.types import Inputs


def block(channels_in: int, channels_out: int) -> nn.Module:
    """Convolution, normalisation and a halving of the resolution."""
    return nn.Sequential(
        nn.Conv1d(channels_in, channels_out, kernel_size=7, padding=3),
        nn.GroupNorm(8, channels_out),
        nn.GELU(),
        nn.MaxPool1d(2),
    )


class Encoder(nn.Module):
    """Binned patterns -> (values, width).

    The position of a peak is the signal, so the last feature map is flattened by a learnt weighting of coarse ranges
    of 1/d and not averaged away.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.width = config.width
        half = config.width // 2
        self.blocks = nn.Sequential(block(2, 32), block(32, half), block(half, half), block(half, half))
        self.out = nn.Sequential(
            nn.Linear(half * (config.bins // 16), config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )

    def forward(self, inputs: Inputs) -> Float[Tensor, "values width"]:
        """Encode what `pattern.collate` made."""
        vectors: Tensor = self.out(self.blocks(inputs["pattern"]).flatten(1))
        return vectors
