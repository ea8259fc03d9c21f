"""The loss of an imputer that learns beside the alignment."""

from collections.abc import Mapping

import torch
from comma_encoders.imputer import Imputer, Present, imputation_loss, side_by_side
from comma_encoders.types import Embedded
from jaxtyping import Float
from torch import Tensor

HIDDEN = 0.5
"""Chance that a source is hidden from the imputer, so that it learns every subset."""


def imputation(imputer: Imputer, embedded: Mapping[str, Embedded]) -> Float[Tensor, ""]:
    """Mean over targets of the negative log-likelihood of vectors that the batch has, from some of the others.

    The vectors are taken as they are: the imputer learns from the encoders, and they do not learn from it.
    """
    found = {name: Embedded(z=e.z.detach(), rows=e.rows) for name, e in embedded.items()}
    present = side_by_side(found)
    terms = [_of(imputer, present, target) for target in sorted(found)]
    known = [term for term in terms if term is not None]
    return torch.stack(known).mean() if known else next(imputer.parameters()).sum() * 0


def _of(imputer: Imputer, present: Present, target: str) -> Tensor | None:
    """The loss for one target; None where no sample has it and another modality."""
    others = [name for name in present.z if name != target]
    seen = present.there[target] & torch.stack([present.there[name] for name in others]).any(dim=0) if others else None
    if seen is None or not bool(seen.any()):
        return None
    there = _hidden({name: present.there[name][seen] for name in others})
    shown = Present(z={name: present.z[name][seen] for name in others}, there=there, rows=present.rows[seen])
    return imputation_loss(imputer, shown, target, present.z[target][seen])


def _hidden(there: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Some sources out of sight; a sample that would have none left keeps all."""
    drawn = {name: mask & (torch.rand(len(mask), device=mask.device) >= HIDDEN) for name, mask in there.items()}
    empty = ~torch.stack(list(drawn.values())).any(dim=0)
    return {name: mask | (empty & there[name]) for name, mask in drawn.items()}
