"""Contrastive losses: pure functions of tensors.

Rows of `za` and `zb` are unit vectors of two modalities; `positive[i, j]` says that they mean the same. A batch holds
false negatives as soon as two samples share a formula, so what is positive is always given, never assumed to be the
diagonal.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from comma_align.errors import EmptyError


def info_nce(
    za: Float[Tensor, "a dim"],
    zb: Float[Tensor, "b dim"],
    positive: Bool[Tensor, "a b"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE with any number of positives a row.

    Each positive competes with the negatives of its row alone (van den Oord et al. 2018, arXiv:1807.03748, eq. 4,
    taken for each positive as in Khosla et al. 2020, arXiv:2004.11362, eq. 2, with the other positives left out of the
    denominator). So identical positives cost nothing, and with one positive a row this is the loss of CLIP. At equal
    similarities it is log(1 + N) for N negatives a row. Rows without a positive are left out.

    -log(e_p / (e_p + sum of negatives)) is softplus(logsumexp(negatives) - p), which no similarity makes overflow.

    Args:
        za: unit vectors of one modality.
        zb: unit vectors of the other.
        positive: which pairs belong together.
        scale: what similarities are multiplied with: the inverse of the temperature.

    Raises:
        EmptyError: no positive pair.
    """
    if not positive.any():
        raise EmptyError("info_nce needs at least one positive pair")
    logits = scale * za @ zb.T
    negatives = logits.masked_fill(positive, -torch.inf)
    rows, columns = positive.nonzero(as_tuple=True)
    chosen = logits[rows, columns]
    forth = _mean_by(rows, functional.softplus(negatives.logsumexp(dim=1)[rows] - chosen), len(za))
    back = _mean_by(columns, functional.softplus(negatives.logsumexp(dim=0)[columns] - chosen), len(zb))
    return 0.5 * (forth + back)


def _mean_by(owner: Int[Tensor, " pairs"], terms: Float[Tensor, " pairs"], count: int) -> Float[Tensor, ""]:
    """Mean over the owners that have terms of the mean of their terms."""
    held = owner.bincount(minlength=count)
    return (terms / held[owner]).sum() / (held > 0).sum()
