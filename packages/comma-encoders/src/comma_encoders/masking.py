"""Which places a pre-training task hides, and the mean loss over them."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def chosen(eligible: Bool[Tensor, "rows places"], share: float, rng: torch.Generator) -> Bool[Tensor, "rows places"]:
    """This share of the eligible places of each row at random, rounded, but at least one where there is any.

    Args:
        eligible: the places that may be chosen.
        share: from 0 to 1.
        rng: of the CPU, so that every device chooses the same.
    """
    order = torch.rand(eligible.shape, generator=rng).to(eligible.device)
    rank = order.masked_fill(~eligible, torch.inf).argsort(dim=1).argsort(dim=1)
    count = (share * eligible.sum(dim=1, keepdim=True)).round().clamp(min=1)
    return eligible & (rank < count)


def mean_over(errors: Float[Tensor, "*shape"], weight: Tensor) -> Float[Tensor, ""]:
    """Mean of errors, each with its weight; 0 where nothing has any."""
    weight = weight.to(errors.dtype)
    return (errors * weight).sum() / weight.sum().clamp(min=torch.finfo(errors.dtype).tiny)
