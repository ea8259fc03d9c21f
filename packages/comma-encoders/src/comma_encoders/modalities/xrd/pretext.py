"""Stretches of a pattern are hidden and filled in, as in a masked autoencoder (He et al. 2022, arXiv:2111.06377)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from comma_encoders.masking import chosen, mean_over
from comma_encoders.modalities.xrd.config import Config
from comma_encoders.modalities.xrd.encoder import Encoder
from comma_encoders.pretext import Task
from comma_encoders.types import Inputs

STRETCHES = 32
"""Into which a pattern is cut: with the usual 1024 bins each is wider than a peak, which could be guessed from its
flanks."""
MASKED = 0.3
"""Share of the stretches with anything measured in them that are hidden."""


def hidden_bins(measured: Float[Tensor, "values bins"], rng: torch.Generator) -> Bool[Tensor, "values bins"]:
    """Bins of the stretches that chance hides; those of which nothing was measured too."""
    bins = measured.shape[1]
    of_bin = torch.arange(bins, device=measured.device) * STRETCHES // bins
    in_stretch = measured.new_zeros(len(measured), STRETCHES).index_add(1, of_bin, measured)
    return chosen(in_stretch > 0, MASKED, rng)[:, of_bin]


class Pretext(Task[Encoder]):
    """`intensity`, mean squared error over hidden bins, each as much as of it was measured.

    Intensities are square roots of counts, whose noise is equal everywhere, so that squares are the natural error. Two
    linear layers add up: what the map has at a place, which knows its surroundings, and what the vector says of all
    bins, which knows the lattice. The second also trains what lies behind the map.
    """

    def __init__(self, encoder: Encoder, config: Config) -> None:
        super().__init__(encoder)
        places, channels = encoder.map_size
        self.near = nn.Linear(channels, config.bins // places)
        self.whole = nn.Linear(config.width, config.bins)

    def corrupted(self, inputs: Inputs, rng: torch.Generator) -> tuple[Inputs, Inputs]:
        """Patterns with stretches that count as not measured; the intensities, and how much a bin counts."""
        pattern = inputs["pattern"]
        intensity, measured = pattern.unbind(dim=1)
        hidden = hidden_bins(measured, rng)
        seen = pattern.masked_fill(hidden[:, None], 0.0)
        return {**inputs, "pattern": seen}, {"intensity": intensity, "weight": measured * hidden}

    def predicted(self, seen: Inputs) -> Float[Tensor, "values bins"]:
        """The intensity of each bin, in the units of the inputs."""
        vector, places = self.encoder.both(seen)
        intensity: Tensor = self.near(places).flatten(1) + self.whole(vector)
        return intensity

    def losses(self, seen: Inputs, targets: Inputs) -> dict[str, Float[Tensor, ""]]:
        """Of the hidden bins that were measured."""
        errors = (self.predicted(seen) - targets["intensity"]).square()
        return {"intensity": mean_over(errors, targets["weight"])}
