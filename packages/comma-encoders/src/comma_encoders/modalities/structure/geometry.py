"""What an edge contributes to every layer: the pieces of its radial functions, and its direction."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from comma_encoders.types import Inputs

COMPONENTS = 9
"""Real spherical harmonics up to l = 2."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Edges sorted by the atom that they lead to, ready for `density`.

    A list holds every pair in both directions; the backward pass of the compiled paths relies on it.
    """

    start: Int[Tensor, " bounds"]
    """The edges of atom i are start[i] to start[i + 1]."""
    target: Int[Tensor, " edges"]
    source: Int[Tensor, " edges"]
    first: Int[Tensor, " edges"]
    """First of the four splines that are not zero at an edge's length."""
    pieces: Float[Tensor, "edges 4"]
    """Their values times the cutoff."""
    harmonics: Float[Tensor, "edges 9"]
    """Y_00, Y_1m, Y_2m of the edge's direction, seen from its target."""


def spline_pieces(
    distance: Float[Tensor, " e"], cutoff: float, count: int
) -> tuple[Int[Tensor, " e"], Float[Tensor, "e 4"]]:
    """First index and values of the four of `count` uniform cubic B-splines over [0, cutoff] that are not zero.

    Inside the interval the four sum to one; each spline is twice continuously differentiable (de Boor, A Practical
    Guide to Splines, chapter IX).
    """
    intervals = count - 3
    t = (distance / cutoff).clamp(0, 1) * intervals
    first = t.floor().clamp(max=intervals - 1)
    u = (t - first)[:, None]
    square, left = u * u, 1 - u  # a power of three takes ten times as long as two products
    cube = square * u
    middle = [3 * cube - 6 * square + 4, -3 * cube + 3 * square + 3 * u + 1]
    values = torch.cat([left * left * left, *middle, cube], dim=1) / 6
    return first.long(), values


def smooth_cutoff(distance: Float[Tensor, " e"], cutoff: float) -> Float[Tensor, " e"]:
    """1 at distance 0, 0 at the cutoff, with a vanishing slope there (Behler 2011, doi:10.1063/1.3553717, eq. 3)."""
    return 0.5 * (1 + torch.cos(math.pi * (distance / cutoff).clamp(0, 1)))


def harmonics(vector: Float[Tensor, "*n 3"], length: Float[Tensor, "*n"]) -> Float[Tensor, "*n 9"]:
    """Real spherical harmonics of degree 0, 1, 2 in Racah's normalisation.

    Products of two directions, summed over m, are the Legendre polynomials of the angle between them (addition
    theorem): 1, cos, (3 cos² - 1) / 2. A vector of length zero has only the first.
    """
    x, y, z = (vector / length.clamp(min=1e-12)[..., None]).unbind(-1)
    third = math.sqrt(3)
    return torch.stack(
        [
            torch.ones_like(x),
            x,
            y,
            z,
            third * x * y,
            third * y * z,
            z**2 - (x**2 + y**2) / 2,
            third * x * z,
            third / 2 * (x**2 - y**2),
        ],
        dim=-1,
    )


def geometry(inputs: Inputs, cutoff: float, splines: int) -> Geometry:
    """The geometry of the graph that `graph.collate` made."""
    vector = inputs["vector"]
    distance = vector.norm(dim=1)
    first, values = spline_pieces(distance, cutoff, splines)
    start = inputs["start"]
    return Geometry(
        start=start,
        target=torch.repeat_interleave(torch.arange(len(start) - 1, device=start.device), start.diff()),
        source=inputs["source"],
        first=first,
        pieces=values * smooth_cutoff(distance, cutoff)[:, None],
        harmonics=harmonics(vector, distance),
    )
