"""The atoms of a structure, for attributions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pymatgen.core import Element
from torch import Tensor

from comma_encoders import elements
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.encoder import Encoder, amounts
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.modalities.structure.guard import checked
from comma_encoders.modalities.structure.known import bonds_of
from comma_encoders.parts import Parts, fade, shares
from comma_encoders.types import Inputs


def parts(value: Any, config: Config) -> Parts:
    """The atoms, grouped by species.

    An atom that is left out is a vacancy, in every repetition of the cell. One that is faded turns into the mean of all
    species: a place where something is, nobody knows what. One that is swapped has the species and charge of another.

    Raises:
        InputError: a structure that the guard refuses.
    """
    symbols = tuple(Element.from_Z(int(z)).symbol for z in checked(value, config)[0])

    def kept(atoms: Bool[Tensor, "variants parts"]) -> Inputs:
        return collate([without(value, ~row.cpu().numpy()) for row in atoms], config)

    def faded(encoder: Encoder, gates: Float[Tensor, "variants parts"]) -> Float[Tensor, "variants width"]:
        inputs = {k: t.to(gates.device) for k, t in collate([value] * len(gates), config).items()}
        return encode_faded(encoder, inputs, gates)

    def swapped(sources: Int[Tensor, "variants parts"]) -> Inputs:
        return collate([exchanged(value, row.cpu().numpy()) for row in sources], config)

    return Parts(labels=symbols, groups=symbols, grouped="species", without=kept, faded=faded, swapped=swapped)


def without(value: Mapping[str, Any], gone: Bool[np.ndarray, " atoms"]) -> dict[str, Any]:
    """The structure with vacancies; bonds and charges of the atoms that are gone go with them."""
    out = dict(value)
    for name in ("numbers", "positions", "charges"):
        if value.get(name) is not None:
            out[name] = np.asarray(value[name])[~gone]
    if value.get("bonds") is not None:
        bonds = bonds_of(value)
        ends = bonds[:, :2].astype(np.int64)
        there = ~gone[ends].any(axis=1)
        out["bonds"] = np.column_stack([(np.cumsum(~gone) - 1)[ends[there]], bonds[there, 2]])
    return out


def exchanged(value: Mapping[str, Any], sources: Int[np.ndarray, " atoms"]) -> dict[str, Any]:
    """The structure in which every atom is what its source is: places, cell and bonds stay."""
    told = {name: value[name] for name in ("numbers", "charges") if value.get(name) is not None}
    return {**value, **{name: np.asarray(each)[sources] for name, each in told.items()}}


def encode_faded(
    encoder: Encoder, inputs: Inputs, gates: Float[Tensor, "variants parts"]
) -> Float[Tensor, "variants width"]:
    """What the encoder makes of a graph of equal structures, each with gates of its own."""
    neutral = encoder.of(torch.arange(1, 1 + elements.COUNT, device=gates.device)).mean(dim=0)
    h = encoder.told(fade(encoder.alone(inputs), neutral, gates.flatten()), inputs)
    vectors: Tensor = encoder.readout(h, inputs["structure"], len(gates))
    if encoder.elements is None:
        return vectors
    of_one = torch.zeros(gates.shape[1], elements.COUNT, device=gates.device)
    of_one[torch.arange(gates.shape[1]), inputs["numbers"][: gates.shape[1]] - 1] = 1.0
    # the features of an element are its atoms' in equal shares
    faded = elements.features(amounts(inputs)) * (gates @ shares(of_one)).repeat(1, elements.BLOCKS)
    return vectors + encoder.made_of(faded, inputs)
