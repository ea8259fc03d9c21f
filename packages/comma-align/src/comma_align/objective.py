"""What is minimised: a mean over the pairs of modalities that a batch holds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from comma_encoders.types import Embedded
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from comma_align.errors import EmptyError
from comma_align.losses import info_nce
from comma_align.pairs import Pair, label, relation

MAX_SCALE = 100.0
"""Bound of the inverse temperature, as in CLIP (Radford et al. 2021, arXiv:2103.00020, section 2.5)."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The number to minimise, and its terms by pair."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]


def positives(a: Embedded, b: Embedded, codes: Int[Tensor, " samples"]) -> Bool[Tensor, "a b"]:
    """Which values belong together: those whose samples have the same group code."""
    return codes[a.rows][:, None] == codes[b.rows][None, :]


class Alignment(nn.Module):
    """Mean of the symmetric InfoNCE over the chosen pairs that a batch holds."""

    def __init__(self, pairs: Sequence[Pair], *, temperature: float, learn_temperature: bool) -> None:
        """Make the objective.

        Args:
            pairs: pairs of modality names.
            temperature: what similarities are divided by, at the start.
            learn_temperature: whether training may change it.
        """
        super().__init__()
        self.pairs = tuple(pairs)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learn_temperature)

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The inverse temperature, at most 100."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    def forward(self, embedded: Mapping[str, Embedded], groups: Mapping[str, Int[Tensor, " samples"]]) -> Loss:
        """The loss of one batch.

        Raises:
            EmptyError: no chosen pair has a positive in the batch.
        """
        terms: dict[str, Tensor] = {}
        for a, b in self.pairs:
            if a not in embedded or b not in embedded:
                continue
            mask = positives(embedded[a], embedded[b], groups[relation((a, b))])
            if mask.any():
                terms[label((a, b))] = info_nce(embedded[a].z, embedded[b].z, mask, self.scale)
        if not terms:
            raise EmptyError(f"no sample of the batch has both sides of {', '.join(map(label, self.pairs))}")
        return Loss(total=torch.stack(list(terms.values())).mean(), terms=terms)
