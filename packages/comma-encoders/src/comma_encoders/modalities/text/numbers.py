"""Numbers as vectors that a network can compare."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.modalities.text.units import KINDS

FREQUENCIES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Waves per decade in which a magnitude is written: from coarse order to a few per cent."""
FEATURES = 2 + 2 * len(FREQUENCIES)


def number_features(magnitudes: Float[Tensor, " n"]) -> Float[Tensor, "n features"]:
    """A one, the magnitude (log10 of the value), and its sines and cosines.

    The distance of two numbers grows with their ratio up to a factor of two, and stays larger beyond.
    """
    magnitude = magnitudes[:, None]
    phase = 2 * math.pi * magnitude * magnitudes.new_tensor(FREQUENCIES)
    return torch.cat([torch.ones_like(magnitude), magnitude / 3, phase.sin(), phase.cos()], dim=-1)


class Numbers(nn.Module):
    """Magnitudes -> vectors, by a linear map of their features for each kind of quantity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(len(KINDS) * FEATURES, width, bias=False)
        nn.init.normal_(self.linear.weight, std=0.2)

    def forward(self, magnitudes: Float[Tensor, " n"], kinds: Int[Tensor, " n"]) -> Float[Tensor, "n width"]:
        """One vector a value."""
        kind = functional.one_hot(kinds, len(KINDS)).to(magnitudes.dtype)
        features = kind[:, :, None] * number_features(magnitudes)[:, None, :]
        vectors: Tensor = self.linear(features.flatten(1))
        return vectors
