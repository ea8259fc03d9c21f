"""The family of alignment losses: pure functions of two sides of a batch.

A batch holds false negatives as soon as two samples share a formula, so what is positive is always given, by codes,
never assumed to be the diagonal. Rows are unit vectors, `scale` is the inverse of the temperature. Everything that
looks at all pairs does so in chunks of rows, whose memory is given back before the next one.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from comma_align.contrast import contrast, softplus
from comma_align.errors import EmptyError
from comma_align.sides import Sides, equal_codes, positives

CHUNK = 256
"""Rows of a batch whose similarities are in memory at a time."""
EPS = 1e-6
"""What keeps logarithms of a similarity finite."""


def info_nce(
    za: Float[Tensor, "a dim"],
    zb: Float[Tensor, "b dim"],
    positive: Bool[Tensor, "a b"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE with any number of positives a row, in its plain form: the reference for `contrast`.

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
    forth = _mean_by(rows, softplus(negatives.logsumexp(dim=1)[rows] - chosen), len(za))
    back = _mean_by(columns, softplus(negatives.logsumexp(dim=0)[columns] - chosen), len(zb))
    return 0.5 * (forth + back)


def _mean_by(owner: Int[Tensor, " pairs"], terms: Float[Tensor, " pairs"], count: int) -> Float[Tensor, ""]:
    """Mean over the owners that have terms of the mean of their terms."""
    held = owner.bincount(minlength=count)
    return (terms / held[owner]).sum() / (held > 0).sum()


def infonce(of: Sides, scale: Float[Tensor, ""], *, chunk: int = CHUNK) -> Float[Tensor, ""]:
    """`info_nce` of both directions, in chunks."""
    return contrast(of, positives(of), scale, chunk=chunk)


def one_way(of: Sides, scale: Float[Tensor, ""], *, chunk: int = CHUNK) -> Float[Tensor, ""]:
    """`info_nce` from a to b only: each value of a looks for its partners among those of b."""
    return contrast(of, positives(of), scale, chunk=chunk, both=False)


def sigmoid(of: Sides, scale: Float[Tensor, ""], bias: Float[Tensor, ""], *, chunk: int = CHUNK) -> Float[Tensor, ""]:
    """Every pair is a yes or no of its own (SigLIP, Zhai et al. 2023, arXiv:2303.15343, eq. 1).

    Any number of positives needs no change of the formula. Divided by the number of rows, as there.
    """

    def term(part: Sides) -> Tensor:
        logits = scale * part.za @ part.zb.T + bias
        same = _same(part)
        weight = torch.where(same, part.weight_a[:, None] * part.weight_b[None, :], 1.0)
        return (weight * functional.softplus(torch.where(same, -logits, logits))).sum()

    return _summed(term, of, chunk) / len(of.a)


def max_margin(of: Sides, margin: float, *, chunk: int = CHUNK) -> Float[Tensor, ""]:
    """The hardest negative of a row has to stay `margin` below each positive (VSE++, Faghri et al. 2018, eq. 6).

    arXiv:1707.05612; cosine similarity, mean of both directions.
    """
    return 0.5 * (_hardest(of, margin, chunk) + _hardest(of.turned, margin, chunk))


def _hardest(of: Sides, margin: float, chunk: int) -> Float[Tensor, ""]:
    pairs = positives(of)
    shares = torch.zeros_like(of.weight_a).index_add(0, pairs.rows, pairs.forth)

    def term(part: Sides, share: Tensor) -> Tensor:
        similar, same = part.za @ part.zb.T, _same(part)
        hardest = similar.masked_fill(same, -torch.inf).amax(dim=1, keepdim=True)
        inside = same * part.weight_b
        inside = inside / inside.sum(dim=1, keepdim=True).clamp(min=torch.finfo(similar.dtype).tiny)
        return (share[:, None] * inside * (margin + hardest - similar).clamp(min=0)).sum()

    return _summed(term, of, chunk, shares)


def no_negatives(of: Sides) -> Float[Tensor, ""]:
    """Positives attract, and spread and decorrelation of the coordinates guard against collapse (VICReg).

    Bardes et al. 2022, arXiv:2105.04906, eq. 1, 3 and 5 with the authors' weights 25, 25 and 1; on unit vectors, times
    the root of the dimension, so that an even spread over the sphere has the standard deviation 1 that is asked for.
    """
    pairs = positives(of)
    together = (of.za[pairs.rows] - of.zb[pairs.columns]).square().sum(dim=1)
    attraction = (0.5 * (pairs.forth + pairs.back) * together).sum()
    return 25 * attraction + 0.5 * (_guard(of.za) + _guard(of.zb))


def _guard(z: Float[Tensor, "n dim"]) -> Float[Tensor, ""]:
    """What coordinates cost that do not vary, or vary together."""
    n, dim = z.shape
    centred = (z - z.mean(dim=0)) * dim**0.5
    covariance = centred.T @ centred / max(1, n - 1)
    spread = (covariance.diagonal() + 1e-4).sqrt()
    outside = covariance - covariance.diagonal().diag()
    return 25 * (1 - spread).clamp(min=0).mean() + outside.square().sum() / dim


def repulsion(of: Sides, *, chunk: int = CHUNK) -> Float[Tensor, ""]:
    """Mismatched pairs are pushed apart by a bounded term, matched ones pulled together by its mirror image.

    -log((1 - s)/2 + eps) over mismatched pairs, -log((1 + s)/2 + eps) over matched ones, the mean of each. This is the
    evident meaning of a term log(1 - s) in a loss that is to be minimised, which as written would do the reverse.
    """

    def term(part: Sides) -> Tensor:
        similar, same = part.za @ part.zb.T, _same(part)
        return (((1 - similar) / 2).clamp(min=0) + EPS).log().masked_fill(same, 0).sum()

    rows, _ = equal_codes(of.a, of.b)
    mismatched = max(1, len(of.a) * len(of.b) - len(rows))
    apart = -_summed(term, of, chunk) / mismatched
    if not len(rows):
        return apart
    pairs = positives(of)
    similar = (of.za[pairs.rows] * of.zb[pairs.columns]).sum(dim=1)
    near = -(((1 + similar) / 2).clamp(min=0) + EPS).log()
    return apart + (0.5 * (pairs.forth + pairs.back) * near).sum()


def literal(of: Sides, *, chunk: int = CHUNK) -> Float[Tensor, ""]:
    """The mean of log(1 - s) over mismatched pairs; minimised, it pulls mismatched pairs together, without a bound.

    The wrong sign of `repulsion`, as it was once proposed: here to be compared with. 1 - s is kept above 1e-6, so that
    it fails without overflowing.
    """

    def term(part: Sides) -> Tensor:
        similar, same = part.za @ part.zb.T, _same(part)
        return (1 - similar).clamp(min=EPS).log().masked_fill(same, 0).sum()

    rows, _ = equal_codes(of.a, of.b)
    return _summed(term, of, chunk) / max(1, len(of.a) * len(of.b) - len(rows))


def _same(of: Sides) -> Bool[Tensor, "a b"]:
    return of.a[:, None] == of.b[None, :]


def _summed(term: Callable[..., Tensor], of: Sides, chunk: int, *more: Float[Tensor, " a"]) -> Float[Tensor, ""]:
    """The sum of a term over chunks of rows, and of what else there is for each row.

    With several chunks, intermediate values are computed again in the backward pass instead of kept.
    """
    if len(of.a) <= chunk:
        return term(of, *more)
    parts = zip(of.chunks(chunk), *(x.split(chunk) for x in more), strict=True)
    return torch.stack(
        [checkpoint(term, *given, use_reentrant=False, preserve_rng_state=False) for given in parts]
    ).sum()
