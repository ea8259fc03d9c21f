"""One value of a pair with the other's vector held fixed: similarities when parts are left out or faded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from comma_encoders.encoding import evaluating
from comma_encoders.errors import InputError, UsageError
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel
from comma_encoders.parts import Parts
from comma_encoders.types import Inputs
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

MOST = 4096
"""Parts that are asked one by one in reasonable time."""
ROOM = 8192
"""Parts that go through an encoder at once."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A value, its parts, and what it is compared with."""

    model: AlignedModel
    modality: str
    value: Any
    """Raw, as the encoder of the modality takes it."""
    parts: Parts
    other: Float[Tensor, " dim"]
    """The unit vector of the other value."""


def side(model: AlignedModel, modality: str, value: Any, other: Float[Tensor, " dim"]) -> Side:
    """A value of a pair.

    Args:
        model: whose similarity is meant.
        modality: of the value.
        value: raw.
        other: unit vector of the other value.

    Raises:
        UsageError: a modality that the model lacks, or whose values have no parts.
        InputError: a value that cannot be encoded, or that has too many parts.
    """
    model.check_has(modality)
    parts_of = get(modality).parts
    if parts_of is None:
        raise UsageError(f"values of {modality!r} have no parts that could be left out, so they cannot be explained")
    parts = parts_of(value, model.configs[modality])
    if len(parts) > MOST:
        raise InputError(
            f"a value of {modality} with {len(parts)} parts; at most {MOST} can be explained: give a part of it"
        )
    return Side(model=model, modality=modality, value=value, parts=parts, other=other)


def of_model(given: Side, model: AlignedModel, other: Float[Tensor, " dim"]) -> Side:
    """The same value as another model sees it."""
    return Side(model=model, modality=given.modality, value=given.value, parts=given.parts, other=other)


def score(given: Side) -> float:
    """The similarity of the pair: the cosine of the two vectors."""
    return float(kept_scores(given, torch.ones(1, len(given.parts), dtype=torch.bool))[0])


def kept_scores(given: Side, kept: Bool[Tensor, "variants parts"]) -> Float[Tensor, " variants"]:
    """Similarities of variants of the value with only some of its parts.

    Args:
        given: the value.
        kept: which parts; a row without any has similarity 0, since nothing points nowhere.
    """
    scores = torch.zeros(len(kept))
    asked = kept.any(dim=1)
    scores[asked] = scores_of(given, kept[asked], given.parts.without)
    return scores


def scores_of(
    given: Side, variants: Shaped[Tensor, "variants parts"], made: Callable[[Tensor], Inputs]
) -> Float[Tensor, " variants"]:
    """Similarities of variants of the value.

    Args:
        given: the value.
        variants: what is done to each part, one variant a row.
        made: makes of such rows what the encoder takes: `Parts.without`, `Parts.swapped`.
    """
    scores = torch.zeros(len(variants))
    with torch.inference_mode(), evaluating(given.model):
        for rows in _chunks(torch.arange(len(variants)), given):
            inputs = {name: tensor.to(given.model.device) for name, tensor in made(variants[rows]).items()}
            z = given.model.project(given.modality, inputs)
            scores[rows] = (z @ given.other.to(z)).float().cpu()
    return scores


def gate_scores(given: Side, gates: Float[Tensor, "variants parts"]) -> Float[Tensor, " variants"]:
    """Similarities of variants of the value whose parts are faded.

    Raises:
        UsageError: parts that cannot be faded.
    """
    scores = torch.zeros(len(gates))
    with torch.no_grad(), evaluating(given.model):
        for rows in _chunks(torch.arange(len(gates)), given):
            scores[rows] = _faded(given, gates[rows].to(given.model.device)).float().cpu()
    return scores


def gate_gradients(
    given: Side, gates: Float[Tensor, "variants parts"]
) -> tuple[Float[Tensor, " variants"], Float[Tensor, "variants parts"]]:
    """Similarities of faded variants of the value, and their derivatives by each gate.

    Raises:
        UsageError: parts that cannot be faded.
    """
    scores, gradients = torch.zeros(len(gates)), torch.zeros_like(gates)
    with torch.enable_grad(), evaluating(given.model):
        for rows in _chunks(torch.arange(len(gates)), given):
            asked = gates[rows].to(given.model.device).requires_grad_()
            similar = _faded(given, asked)
            (slope,) = torch.autograd.grad(similar.sum(), asked)
            scores[rows], gradients[rows] = similar.detach().float().cpu(), slope.float().cpu()
    return scores, gradients


def _faded(given: Side, gates: Float[Tensor, "variants parts"]) -> Float[Tensor, " variants"]:
    if given.parts.faded is None:
        raise UsageError(
            f"the parts of this {given.modality} encoder cannot be faded, only left out. Remedy: --method removal"
        )
    z = given.model.placed(given.modality, given.parts.faded(given.model.encoders[given.modality], gates))
    # it was made in inference mode, which keeps nothing for gradients
    similar: Tensor = z @ given.other.clone().to(z)
    return similar


def _chunks(rows: Tensor, given: Side) -> Iterator[Tensor]:
    """As many variants at a time as there is room for."""
    yield from rows.split(max(1, ROOM // len(given.parts))) if len(rows) else ()
