"""Statistics of element properties over a composition.

The attributes of Ward et al. 2016, doi:10.1038/npjcompumats.2016.28: fraction-weighted mean, average deviation,
minimum, maximum, range, and the value of the commonest element.
"""

import torch
from jaxtyping import Float
from torch import Tensor

Fractions = Float[Tensor, "n 118"]
STATISTICS = 6
"""Of each property."""
Table = Float[Tensor, "118 p"]


def extremes(fractions: Fractions, table: Table) -> tuple[Float[Tensor, "n p"], Float[Tensor, "n p"]]:
    """Smallest and largest value among the elements that are there."""
    absent = (fractions == 0)[:, :, None]
    return torch.where(absent, torch.inf, table).amin(dim=1), torch.where(absent, -torch.inf, table).amax(dim=1)


def mode(fractions: Fractions, table: Table) -> Float[Tensor, "n p"]:
    """Value of the commonest element; the mean where several are equally common."""
    commonest = (fractions >= fractions.amax(dim=1, keepdim=True) * (1 - 1e-5)).to(table.dtype)
    return (commonest / commonest.sum(dim=1, keepdim=True)) @ table


def ward(fractions: Fractions, table: Table) -> Float[Tensor, "n 6*p"]:
    """Mean, average deviation, minimum, maximum, range, mode of each property."""
    mean = fractions @ table
    deviation = (fractions[:, :, None] * (table - mean[:, None, :]).abs()).sum(dim=1)
    low, high = extremes(fractions, table)
    return torch.cat([mean, deviation, low, high, high - low, mode(fractions, table)], dim=1)


def added(fractions: Float[Tensor, "1 118"], table: Table) -> Float[Tensor, "118 6*p"]:
    """What each element adds to the statistics of one composition: `ward` is the sum over the elements.

    Mean and deviation are sums over elements as they stand. An extreme belongs to the elements that have it, in equal
    shares, and so does the mode.
    """
    weight = fractions[0][:, None]
    mean = fractions @ table
    low, high = (_of(value, fractions, table) for value in extremes(fractions, table))
    commonest = (weight >= weight.max() * (1 - 1e-5)).to(table.dtype)
    parts = [weight * table, weight * (table - mean).abs(), low, high, high - low, commonest / commonest.sum() * table]
    return torch.cat(parts, dim=1)


def _of(value: Float[Tensor, "1 p"], fractions: Float[Tensor, "1 118"], table: Table) -> Float[Tensor, "118 p"]:
    """An extreme, shared by the elements that have it."""
    has = ((fractions[0] > 0)[:, None] & (table == value)).to(table.dtype)
    return has / has.sum(dim=0, keepdim=True) * value
