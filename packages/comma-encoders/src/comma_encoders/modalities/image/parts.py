"""Fields of a micrograph, for attributions."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.pixels import checked, collate, cut
from comma_encoders.modalities.image.sizes import plan
from comma_encoders.parts import Parts
from comma_encoders.types import Inputs

USUAL = 16
"""Pixels along the patch of a backbone that does not say."""
FEWEST, MOST = 4, 16
"""Fields along an edge."""


def along(config: Config) -> int:
    """Fields along an edge of the square that the encoder sees: its patches, where there are not too many."""
    sizes = plan(config).sizes
    return int(np.clip(sizes.pixels // (sizes.patch or USUAL), FEWEST, MOST))


def parts(value: Any, config: Config) -> Parts:
    """Square fields of what the encoder sees of the picture, row by row; `extent` is in pixels of the micrograph.

    Left out or faded, a field has the mean of the picture.

    Raises:
        InputError: an image that cannot be used.
    """
    inputs, count = collate([value], config), along(config)
    mean = inputs["pixels"].mean()

    def seen(gates: Float[Tensor, "variants parts"]) -> dict[str, Tensor]:
        of = torch.arange(inputs["pixels"].shape[-1], device=gates.device) * count // inputs["pixels"].shape[-1]
        shade = gates.unflatten(1, (1, count, count))[:, :, of[:, None], of]
        pixels, middle = inputs["pixels"].to(gates.device), mean.to(gates.device)
        scale = inputs["scale"].to(gates.device).expand(len(gates), -1)
        return {"pixels": middle + shade * (pixels - middle), "scale": scale}

    def kept(fields: Bool[Tensor, "variants parts"]) -> Inputs:
        return seen(fields.float())

    def faded(encoder: nn.Module, gates: Float[Tensor, "variants parts"]) -> Float[Tensor, "variants width"]:
        vectors: Tensor = encoder(seen(gates))
        return vectors

    labels = tuple(f"row {i + 1}, column {j + 1}" for i in range(count) for j in range(count))
    extent = bounds(value, config, count)
    return Parts(labels=labels, groups=(), grouped="", without=kept, faded=faded, extent=extent)


def bounds(value: Any, config: Config, count: int) -> Float[np.ndarray, "fields 4"]:
    """(top, left, bottom, right) of each field in pixels of the micrograph."""
    pixels, nm = checked(value)
    side = plan(config).sizes.pixels
    edge = cut(pixels.shape, nm, config, side)
    lines = np.ceil(np.arange(count + 1) * side / count) * edge / side
    top, left = (pixels.shape[0] - edge) // 2 + lines, (pixels.shape[1] - edge) // 2 + lines
    return np.array([(top[i], left[j], top[i + 1], left[j + 1]) for i in range(count) for j in range(count)])
