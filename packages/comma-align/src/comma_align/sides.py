"""Two modalities of a batch face to face, and which of their values belong together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from comma_align.errors import EmptyError


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Unit vectors of two modalities; values of equal code mean the same, all others do not."""

    za: Float[Tensor, "a dim"]
    zb: Float[Tensor, "b dim"]
    a: Int[Tensor, " a"]
    """Code of each row of `za`."""
    b: Int[Tensor, " b"]
    weight_a: Float[Tensor, " a"]
    """How much each row of `za` counts where it is part of a positive pair."""
    weight_b: Float[Tensor, " b"]

    @property
    def turned(self) -> "Sides":
        """The same with the sides exchanged."""
        return Sides(
            za=self.zb, zb=self.za, a=self.b, b=self.a, weight_a=self.weight_b, weight_b=self.weight_a
        )  # fmt: skip

    def rows(self, start: int, end: int) -> "Sides":
        """A part of side a against all of side b."""
        part = slice(start, end)
        return replace(self, za=self.za[part], a=self.a[part], weight_a=self.weight_a[part])

    def chunks(self, size: int) -> Iterator["Sides"]:
        """All rows of side a, `size` at a time."""
        return (self.rows(start, start + size) for start in range(0, len(self.a), size))


def sides(za: Tensor, zb: Tensor, a: Tensor, b: Tensor) -> Sides:
    """Both sides with every value counting alike."""
    return Sides(za=za, zb=zb, a=a, b=b, weight_a=za.new_ones(len(za)), weight_b=zb.new_ones(len(zb)))


@dataclass(frozen=True, kw_only=True)
class Positives:
    """The positive pairs, sorted by row, and what share of the loss each has in both directions."""

    rows: Int[Tensor, " pairs"]
    columns: Int[Tensor, " pairs"]
    forth: Float[Tensor, " pairs"]
    """Weights from a to b: each row has the mean over its positives, all rows their mean; sum 1."""
    back: Float[Tensor, " pairs"]
    """Likewise by columns, from b to a."""


def equal_codes(a: Int[Tensor, " a"], b: Int[Tensor, " b"]) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Rows and columns of all pairs of equal code, sorted by row; no matrix of all pairs is made."""
    ordered, order = b.sort(stable=True)
    first = torch.searchsorted(ordered, a)
    count = torch.searchsorted(ordered, a, right=True) - first
    rows = torch.repeat_interleave(torch.arange(len(a), device=a.device), count)
    within = torch.arange(len(rows), device=a.device) - (count.cumsum(0) - count)[rows]
    return rows, order[first[rows] + within]


def _shares(
    owner: Int[Tensor, " pairs"], own: Float[Tensor, " n"], other: Float[Tensor, " pairs"]
) -> Float[Tensor, " pairs"]:
    """Weights of the pairs: within an owner by the other side's weight, between owners by their own; sum 1."""
    held = torch.zeros_like(own).index_add(0, owner, other)
    counting = torch.where(held > 0, own, torch.zeros_like(own))
    within = other / held.clamp(min=torch.finfo(own.dtype).tiny)[owner]
    return counting[owner] * within / counting.sum()


def positives(of: Sides) -> Positives:
    """The positive pairs of both sides.

    Raises:
        EmptyError: there is none, or all have the weight zero.
    """
    rows, columns = equal_codes(of.a, of.b)
    if not bool((of.weight_a[rows] * of.weight_b[columns] > 0).any()):
        raise EmptyError("a contrastive loss needs at least one positive pair")
    return Positives(
        rows=rows,
        columns=columns,
        forth=_shares(rows, of.weight_a, of.weight_b[columns]),
        back=_shares(columns, of.weight_b, of.weight_a[rows]),
    )
