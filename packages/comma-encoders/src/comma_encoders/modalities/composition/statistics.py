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
