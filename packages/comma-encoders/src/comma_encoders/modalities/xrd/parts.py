"""Stretches of a pattern, for attributions."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from comma_encoders.modalities.xrd.config import Config
from comma_encoders.modalities.xrd.pattern import LEAST, collate
from comma_encoders.parts import Parts
from comma_encoders.types import Inputs

STRETCHES = 64
"""Into which the range of an encoder is cut; with the usual range each is about 1° to 2° of 2θ wide with copper."""


def parts(value: Any, config: Config) -> Parts:
    """Stretches of equal width over 1/d, as far as they were measured; `extent` is in degrees of 2θ.

    A stretch that is left out was not measured. One that is faded was, and its peaks sink to nothing.

    Raises:
        InputError: a pattern that cannot be used.
    """
    pattern = collate([value], config)["pattern"]
    of_bin = torch.arange(config.bins) * STRETCHES // config.bins
    there = [i for i in range(STRETCHES) if bool((pattern[0, 1, of_bin == i] > LEAST).any())]
    number = torch.full((STRETCHES,), len(there))
    number[there] = torch.arange(len(there))

    def by_bin(gates: Float[Tensor, "variants parts"]) -> Float[Tensor, "variants bins"]:
        return torch.cat([gates, gates.new_ones(len(gates), 1)], dim=1)[:, number[of_bin].to(gates.device)]

    def kept(stretches: Bool[Tensor, "variants parts"]) -> Inputs:
        return {"pattern": pattern.to(stretches.device) * by_bin(stretches.float())[:, None]}

    def faded(encoder: nn.Module, gates: Float[Tensor, "variants parts"]) -> Float[Tensor, "variants width"]:
        intensity, measured = pattern.to(gates.device).unbind(dim=1)
        seen = torch.stack([intensity * by_bin(gates), measured.expand(len(gates), -1)], dim=1)
        vectors: Tensor = encoder({"pattern": seen})
        return vectors

    extent = angles(value, config)[there]
    labels = tuple(f"{low:.1f}–{high:.1f}°" for low, high in extent)
    return Parts(labels=labels, groups=(), grouped="", without=kept, faded=faded, extent=extent)


def angles(value: Any, config: Config) -> Float[np.ndarray, "stretches 2"]:
    """2θ at which each stretch begins and ends, degrees, by Bragg's law; 180 where no angle reaches."""
    first = -(-np.arange(STRETCHES + 1) * config.bins // STRETCHES)
    s = config.low + first * (config.high - config.low) / config.bins
    angle = 2 * np.degrees(np.arcsin(np.clip(s * float(value["wavelength"]) / 2, 0, 1)))
    return np.column_stack([angle[:-1], angle[1:]])
