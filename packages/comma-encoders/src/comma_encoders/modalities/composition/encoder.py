"""A small network on element fractions and statistics of element properties."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.element_properties import property_table
from comma_encoders.element_statistics import STATISTICS, ward
from comma_encoders.modalities.composition.config import Config
from comma_encoders.settings import within
from comma_encoders.types import Inputs


class Encoder(nn.Module):
    """Fractions of elements -> (values, width)."""

    table: Tensor

    def __init__(self, config: Config) -> None:
        """Make an encoder with random weights.

        Raises:
            UsageError: sizes that cannot be.
        """
        super().__init__()
        within("composition", config, width=(1, math.inf), layers=(0, math.inf), dropout=(0, 1))
        self.width = config.width
        # kept with the weights: a trained model must not change with pymatgen's table
        self.register_buffer("table", property_table())
        widths = [118 + STATISTICS * self.table.shape[1], *[config.width] * config.layers]
        blocks = [
            nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), nn.GELU(), nn.Dropout(config.dropout))
            for a, b in pairwise(widths)
        ]
        self.network = nn.Sequential(*blocks, nn.Linear(widths[-1], config.width))

    def forward(self, inputs: Inputs) -> Float[Tensor, "values width"]:
        """Encode what `elements.collate` made."""
        return self.read(self.features(inputs["fractions"]))

    def features(self, fractions: Float[Tensor, "values 118"]) -> Float[Tensor, "values features"]:
        """What the network reads: the elements, then the statistics of their properties."""
        # the square root lifts dopants, whose fractions are small but decisive
        return torch.cat([fractions.sqrt(), ward(fractions, self.table)], dim=1)

    def read(self, features: Float[Tensor, "values features"]) -> Float[Tensor, "values width"]:
        """Encode what `features` gave."""
        vectors: Tensor = self.network(features)
        return vectors
