"""The elements of a composition, for attributions."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from comma_encoders.element_statistics import added
from comma_encoders.modalities.composition.config import Config
from comma_encoders.modalities.composition.elements import INDEX, collate
from comma_encoders.modalities.composition.encoder import Encoder
from comma_encoders.parts import Parts
from comma_encoders.types import Inputs


def parts(value: Mapping[str, float], config: Config) -> Parts:
    """The elements of which there is any.

    One that is left out leaves the others in their proportions. One that is faded takes what it adds to the statistics
    of properties with it; at 0 these are those of the average element.

    Raises:
        InputError: no composition.
    """
    fractions = collate([value], config)["fractions"]
    symbols = tuple(symbol for symbol, amount in value.items() if amount > 0)

    def kept(elements: Bool[Tensor, "variants parts"]) -> Inputs:
        rows = elements.tolist()
        return collate([{s: value[s] for s, stays in zip(symbols, row, strict=True) if stays} for row in rows], config)

    def faded(encoder: Encoder, gates: Float[Tensor, "variants parts"]) -> Float[Tensor, "variants width"]:
        columns = torch.tensor([INDEX[symbol] for symbol in symbols], device=gates.device)
        return encoder.read(gates @ contributions(encoder, fractions.to(gates.device))[columns])

    return Parts(labels=symbols, groups=(), grouped="", without=kept, faded=faded)


def contributions(encoder: Encoder, fractions: Float[Tensor, "1 118"]) -> Float[Tensor, "118 features"]:
    """What each element adds to the features of a composition, which are the sum over them."""
    return torch.cat([fractions[0].sqrt().diag(), added(fractions, encoder.table)], dim=1)
