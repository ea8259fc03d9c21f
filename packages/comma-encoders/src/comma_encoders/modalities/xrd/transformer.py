"""A Transformer of patches over 1/d (Dosovitskiy et al. 2021, arXiv:2010.11929, in one dimension)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.modalities.xrd import masks
from comma_encoders.modalities.xrd.config import Config

SPREAD = 0.02
"""Standard deviation of random embeddings."""


class Layer(nn.Module):
    """Attention and a network, each behind a normalisation and beside a shortcut; no token sees a masked one."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.all = nn.Linear(width, 3 * width)
        self.together = nn.Linear(width, width)
        self.network_norm = nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(
        self, x: Float[Tensor, "values tokens width"], seen: Float[Tensor, "values tokens"]
    ) -> Float[Tensor, "values tokens width"]:
        """One layer; `seen` is above 0 for tokens that others may attend to."""
        split = self.all(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind()
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=(seen > 0)[:, None, None, :])
        x = x + self.together(mixed.transpose(1, 2).flatten(2))
        return torch.add(x, self.network(self.network_norm(x)))


class Patches(nn.Conv1d):
    """A convolution whose windows do not overlap, as the product that it is.

    oneDNN's bfloat16 convolution with a stride of 32 over few channels gives unrelated numbers on processors with AMX
    (relative error 1.0, torch 2.15.0); the product does not, and is the same to rounding.
    """

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__(channels, width, kernel_size=patch, stride=patch)

    def forward(self, values: Float[Tensor, "values channels bins"]) -> Float[Tensor, "values positions width"]:
        """Embed each window."""
        windows = values.unfold(2, *self.kernel_size, *self.stride).transpose(1, 2).flatten(2)
        return functional.linear(windows, self.weight.flatten(1), self.bias)


class Transformer(nn.Module):
    """Binned patterns -> (values, width), the class token after attention between patches, and a map of the patches."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.patch = config.patch
        self.map_size = (config.bins // config.patch, config.width)
        self.embed = Patches(2, config.width, config.patch)
        self.position = nn.Parameter(SPREAD * torch.randn(config.bins // config.patch, config.width))
        self.token = nn.Parameter(SPREAD * torch.randn(config.width))
        self.layers = nn.ModuleList(Layer(config.width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self, pattern: Float[Tensor, "values 2 bins"]
    ) -> tuple[Float[Tensor, "values width"], Float[Tensor, "values positions width"]]:
        """Encode intensities and the mask of what was measured: the vectors, and the patches.

        A patch that was not measured sees the others, but none sees it.
        """
        patches = self.embed(pattern) + self.position
        x = torch.cat([self.token.expand(len(pattern), 1, -1), patches], dim=1)
        seen = functional.pad(masks.coarse(pattern[:, 1], self.patch), (1, 0), value=1.0)
        for layer in self.layers:
            x = layer(x, seen)
        return self.norm(x[:, 0]), self.norm(x[:, 1:])
