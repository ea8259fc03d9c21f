"""InfoNCE walked through in chunks of rows: exact, with memory for batch x chunk numbers instead of batch x batch.

The forward pass keeps one log-sum-exp a row and a column; the backward pass makes each chunk of logits again. One
product of matrices serves both directions, so that three products are computed in the backward pass and one in the
forward pass, where two cross-entropies on two matrices of logits take six.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from comma_align.sides import Positives, Sides


def softplus(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """log(1 + e^x), exact to double precision: torch's own goes over to x at 20, where 2e-9 are missing."""
    return functional.softplus(x, threshold=40.0)


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """Some rows of the logits; those of positive pairs are taken out and set to minus infinity."""

    rows: slice
    part: Float[Tensor, "rows dim"]
    """Of side a, times the scale."""
    logits: Float[Tensor, "rows b"]
    """In a room that the next chunk takes over."""
    pairs: slice
    """Which of the positive pairs lie in these rows."""
    at: tuple[Tensor, Tensor]
    """Where they lie in `logits`."""
    chosen: Float[Tensor, " pairs"]
    """Their logits."""


def _chunks(za: Tensor, zb: Tensor, scale: Tensor, pairs: Positives, size: int) -> Iterator[_Chunk]:
    room = za.new_empty(min(size, len(za)), len(zb))
    starts = torch.arange(0, len(za) + size, size, device=za.device)
    bounds = torch.searchsorted(pairs.rows, starts).tolist()
    for k, start in enumerate(range(0, len(za), size)):
        part = za[start : start + size] * scale
        logits = torch.mm(part, zb.T, out=room[: len(part)])
        own = slice(bounds[k], bounds[k + 1])
        at = pairs.rows[own] - start, pairs.columns[own]
        chosen = logits[at]
        logits[at] = -torch.inf
        yield _Chunk(
            rows=slice(start, start + len(part)), part=part, logits=logits, pairs=own, at=at, chosen=chosen
        )  # fmt: skip


def _bounded(za: Tensor, zb: Tensor, scale: Tensor) -> bool:
    """Whether sums of the exponentials of all logits, and their inverses, stay within the numbers of this type.

    Then one exponential serves both directions; otherwise each needs its own, with its largest logit taken off.
    """
    largest = float(scale * za.norm(dim=1).max() * zb.norm(dim=1).max())
    return largest + math.log(max(len(za), len(zb))) + 1 < math.log(torch.finfo(za.dtype).max)


class _Contrast(torch.autograd.Function):
    """Sum over positive pairs of forth * softplus(R - l) + back * softplus(C - l).

    l is a pair's logit, R and C are the log-sum-exp of the negatives of its row and its column.
    """

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        za, zb, scale, pairs, size = given
        ctx.bounded = _bounded(za, zb, scale)
        by_row, by_column = za.new_full((len(za),), -torch.inf), zb.new_full((len(zb),), -torch.inf)
        chosen = za.new_empty(len(pairs.rows))
        if ctx.bounded:
            by_column.zero_()
        for chunk in _chunks(za, zb, scale, pairs, size):
            chosen[chunk.pairs] = chunk.chosen
            if ctx.bounded:
                grown = chunk.logits.exp_()
                by_row[chunk.rows] = grown.sum(dim=1).log_()
                by_column += grown.sum(dim=0)
            else:
                by_row[chunk.rows] = chunk.logits.logsumexp(dim=1)
                by_column = torch.logaddexp(by_column, chunk.logits.logsumexp(dim=0))
        by_column = by_column.log_() if ctx.bounded else by_column
        ctx.save_for_backward(za, zb, scale, by_row, by_column, chosen)
        ctx.pairs, ctx.size = pairs, size
        forth = pairs.forth * softplus(by_row[pairs.rows] - chosen)
        return (forth + pairs.back * softplus(by_column[pairs.columns] - chosen)).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        za, zb, scale, by_row, by_column, chosen = ctx.saved_tensors
        pairs: Positives = ctx.pairs
        rows = gradient * pairs.forth * (by_row[pairs.rows] - chosen).sigmoid()
        columns = gradient * pairs.back * (by_column[pairs.columns] - chosen).sigmoid()
        pull = torch.zeros_like(by_row).index_add_(0, pairs.rows, rows)
        push = torch.zeros_like(by_column).index_add_(0, pairs.columns, columns)
        # a row without negatives has nothing to share out; exp(-inf) of its logits is zero whatever is taken off
        by_row, by_column = (x.masked_fill(x.isneginf(), 0) for x in (by_row, by_column))
        if ctx.bounded:
            pull, push = pull * (-by_row).exp(), push * (-by_column).exp()
            room = za.new_empty(min(ctx.size, len(za)), len(zb))
        d_za, d_zb, d_scale = torch.empty_like(za), torch.zeros_like(zb), torch.zeros_like(scale)
        for chunk in _chunks(za, zb, scale, pairs, ctx.size):
            logits, of = chunk.logits, chunk.rows
            if ctx.bounded:
                weights = torch.add(pull[of, None], push[None], out=room[: len(logits)])
                slope = logits.exp_().mul_(weights)
            else:
                slope = pull[of, None] * (logits - by_row[of, None]).exp() + push * (logits - by_column).exp()
            slope[chunk.at] = -(rows + columns)[chunk.pairs]
            moved = slope @ zb
            d_za[of] = scale * moved
            d_scale += (moved * za[of]).sum()
            d_zb.addmm_(slope.T, chunk.part)
        return d_za, d_zb, d_scale, None, None


def contrast(
    of: Sides, pairs: Positives, scale: Float[Tensor, ""], *, chunk: int, both: bool = True
) -> Float[Tensor, ""]:
    """InfoNCE over the positive pairs, `losses.info_nce` in chunks; see there for the formula.

    Args:
        of: vectors and codes.
        pairs: what `positives(of)` found.
        scale: what similarities are multiplied with.
        chunk: rows of logits that are in memory at a time.
        both: the mean of both directions; otherwise only from a to b.
    """
    share = 0.5 if both else 1.0
    halved = Positives(
        rows=pairs.rows,
        columns=pairs.columns,
        forth=share * pairs.forth,
        back=0.5 * pairs.back if both else torch.zeros_like(pairs.back),
    )
    with torch.autocast(of.za.device.type, enabled=False):
        loss: Tensor = _Contrast.apply(of.za, of.zb, scale.to(of.za.dtype), halved, chunk)
    return loss
