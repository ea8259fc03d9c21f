"""A small network on element fractions and statistics of element properties.

The statistics are the attributes of Ward et al. 2016, doi:10.1038/npjcompumats.2016.28.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.modalities.composition.config import Config
from comma_encoders.modalities.composition.elements import property_table
from comma_encoders.types import Inputs


def statistics(fractions: Float[Tensor, "n 118"], table: Float[Tensor, "118 p"]) -> Float[Tensor, "n 4*p"]:
    """Weighted mean and deviation, minimum and maximum of each element property."""
    mean = fractions @ table
    spread = (fractions @ table**2 - mean**2).clamp(min=0).add(1e-8).sqrt()
    absent = (fractions == 0)[:, :, None]
    low = torch.where(absent, torch.inf, table).amin(dim=1)
    high = torch.where(absent, -torch.inf, table).amax(dim=1)
    return torch.cat([mean, spread, low, high], dim=1)


class Encoder(nn.Module):
    """Fractions of elements -> (values, width)."""

    table: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.width = config.width
        # kept with the weights: a trained model must not change with pymatgen's table
        self.register_buffer("table", property_table())
        widths = [118 + 4 * self.table.shape[1], *[config.width] * config.layers]
        blocks = [
            nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), nn.GELU(), nn.Dropout(config.dropout))
            for a, b in pairwise(widths)
        ]
        self.network = nn.Sequential(*blocks, nn.Linear(widths[-1], config.width))

    def forward(self, inputs: Inputs) -> Float[Tensor, "values width"]:
        """Encode what `elements.collate` made."""
        fractions = inputs["fractions"]
        # the square root lifts dopants, whose fractions are small but decisive
        features = torch.cat([fractions.sqrt(), statistics(fractions, self.table)], dim=1)
        vectors: Tensor = self.network(features)
        return vectors
