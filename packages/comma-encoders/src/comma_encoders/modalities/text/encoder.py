"""A hierarchical transformer: tokens within a step, then steps within a protocol."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.tokenizer import tokenizer_of
from comma_encoders.types import Inputs

FREQUENCIES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Waves per decade in which a number's magnitude is written: from coarse order to a few per cent."""


def number_features(values: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n features"]:
    """Magnitude, whether there is one, and its sines and cosines; zero for tokens without a value."""
    magnitude, known = values[..., :1], values[..., 1:]
    phase = 2 * math.pi * magnitude * torch.tensor(FREQUENCIES, device=values.device)
    return torch.cat([magnitude / 3, torch.ones_like(magnitude), phase.sin(), phase.cos()], dim=-1) * known


def transformer(config: Config, layers: int) -> nn.TransformerEncoder:
    """Pre-norm layers with four-fold feed-forward width."""
    layer = nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        dim_feedforward=4 * config.width,
        dropout=config.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False)


def mean_where(h: Float[Tensor, "n t width"], there: Bool[Tensor, "n t"]) -> Float[Tensor, "n width"]:
    """Mean over the places that are there."""
    weight = there[:, :, None].to(h.dtype)
    return (h * weight).sum(dim=1) / weight.sum(dim=1)


class Encoder(nn.Module):
    """Steps of tokens -> (protocols, width)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.width = config.width
        self.symbol = nn.Embedding(len(tokenizer_of(config)), config.width)
        self.number = nn.Linear(2 + 2 * len(FREQUENCIES), config.width, bias=False)
        self.token_place = nn.Embedding(config.max_tokens, config.width)
        self.step_place = nn.Embedding(config.max_steps, config.width)
        # symbols louder than places and layers: at first a step is little more than the sum of what it names
        nn.init.normal_(self.symbol.weight, std=0.5)
        nn.init.normal_(self.token_place.weight, std=0.05)
        nn.init.normal_(self.step_place.weight, std=0.05)
        self.tokens = transformer(config, config.token_layers)
        self.steps = transformer(config, config.step_layers)

    def step_vectors(self, ids: Tensor, values: Float[Tensor, "steps tokens 2"]) -> Float[Tensor, "steps width"]:
        """One vector for each distinct step."""
        there = ids > 0
        h = self.symbol(ids) + self.number(number_features(values)) + self.token_place.weight[: ids.shape[1]]
        return mean_where(self.tokens(h, src_key_padding_mask=~there), there)

    def forward(self, inputs: Inputs) -> Float[Tensor, "protocols width"]:
        """Encode what `steps.collate` made."""
        protocols = inputs["protocols"]
        there = protocols >= 0
        h = self.step_vectors(inputs["ids"], inputs["values"])[protocols.clamp(min=0)]
        h = self.steps(h + self.step_place.weight[: protocols.shape[1]], src_key_padding_mask=~there)
        return mean_where(h, there)
