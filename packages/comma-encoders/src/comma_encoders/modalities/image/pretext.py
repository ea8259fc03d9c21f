"""Masked squares of a micrograph are painted in (SimMIM, Xie et al. 2022, arXiv:2111.09886)."""

import copy
import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.masking import chosen
from comma_encoders.modalities.image.backbone import undropped
from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.encoder import Encoder
from comma_encoders.modalities.image.pixels import SCALES
from comma_encoders.modalities.image.sizes import plan
from comma_encoders.pretext import Task
from comma_encoders.types import Inputs

SQUARES = 8
"""Squares along an edge of the picture."""
MASKED = 0.5
"""Share of the squares that are masked."""


def of_pixel(side: int) -> Int[Tensor, " side"]:
    """The square that each row or column of pixels lies in, all of a size where `side` is a multiple of `SQUARES`."""
    return torch.arange(side) * SQUARES // side


def mean_of_seen(
    pixels: Float[Tensor, "values 1 side side"], masked: Bool[Tensor, "values 1 side side"]
) -> Float[Tensor, "values 1 1 1"]:
    """The mean of what is not masked of each picture: that of all pixels would tell of those that are."""
    seen = ~masked
    return (pixels * seen).sum(dim=(2, 3), keepdim=True) / seen.sum(dim=(2, 3), keepdim=True)


def joined(blocks: Float[Tensor, "values rows columns pixels"], side: int) -> Float[Tensor, "values 1 side side"]:
    """Square blocks beside each other as a picture; what goes over its right and lower edge is cut off."""
    edge = math.isqrt(blocks.shape[-1])
    picture = blocks.unflatten(3, (edge, edge)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return picture[:, None, :side, :side]


def places(encoder: Encoder, side: int) -> tuple[int, int]:
    """Places along an edge of the encoder's map of a square of that side, and its channels."""
    # a copy, since a run in training mode would move the running means, and a change of mode be felt by all parts
    probe = copy.deepcopy(encoder).eval()
    like = next(probe.parameters())
    empty = {"pixels": like.new_zeros(1, 1, side, side), "scale": like.new_zeros(1, SCALES)}
    with torch.no_grad():
        _, rows, _, channels = probe.patches(empty).shape
    return rows, channels


class Pretext(Task[Encoder]):
    """`pixels`, mean absolute error of the masked ones; 2 is the range between their extreme percentiles.

    Every place of the encoder's map predicts a block of pixels by one linear layer. No patches are dropped meanwhile,
    whatever `patch_drop` says: the squares hide enough, and a map with holes is none.
    """

    def __init__(self, encoder: Encoder, config: Config) -> None:
        super().__init__(encoder)
        self.side = plan(config).sizes.pixels
        rows, channels = places(encoder, self.side)
        self.pixels = nn.Linear(channels, math.ceil(self.side / rows) ** 2)

    def corrupted(self, inputs: Inputs, rng: torch.Generator) -> tuple[Inputs, Inputs]:
        """Pictures with their mean in masked squares; which pixels these are, and the pictures without their mean."""
        pixels = inputs["pixels"]
        every = torch.ones(len(pixels), SQUARES**2, dtype=torch.bool)
        squares, of = chosen(every, MASKED, rng).unflatten(1, (SQUARES, SQUARES)), of_pixel(self.side)
        masked = squares[:, None, of[:, None], of].to(pixels.device)
        mean = mean_of_seen(pixels, masked)
        seen = torch.where(masked, mean, pixels)
        return {**inputs, "pixels": seen}, {"masked": masked, "pixels": pixels - mean}

    def predicted(self, seen: Inputs) -> Float[Tensor, "values 1 side side"]:
        """The pictures without their mean, in the units of the inputs."""
        with undropped(self.encoder.backbone):
            patches = self.encoder.patches(seen)
        return joined(self.pixels(patches), self.side)

    def losses(self, seen: Inputs, targets: Inputs) -> dict[str, Float[Tensor, ""]]:
        """Of the masked pixels."""
        masked = targets["masked"]
        return {"pixels": functional.l1_loss(self.predicted(seen)[masked], targets["pixels"][masked])}
