"""Moments of the density of an atom's neighbourhood: the reference, and the choice of a faster path.

For atom i and channel c of degree l the moments are

    A[i, lm, c] = sum over neighbours j of  φ_c(r_ij) Y_lm(direction of r_ij) x[j, c]

with radial functions φ_c that are splines. With l = 0 this is the continuous-filter convolution of SchNet (Schütt et
al. 2018, doi:10.1063/1.5019779, eq. 5); with l = 1, 2 it is the density whose rotation-invariant contractions hold the
angles (Drautz 2019, doi:10.1103/PhysRevB.99.014104), at a cost that stays linear in edges.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from comma_encoders.modalities.structure.geometry import Geometry

Channels = tuple[int, int, int]
Path = Literal["reference", "compiled", "triton"]

_forced: ContextVar[Path | None] = ContextVar("structure path", default=None)


def reference(
    x: Float[Tensor, "atoms channels"], table: Float[Tensor, "splines channels"], edges: Geometry, channels: Channels
) -> Float[Tensor, "atoms moments"]:
    """The moments in plain PyTorch, on any device, differentiable in everything as often as one likes.

    Args:
        x: what each atom sends; its first channels[0] columns are of degree 0, the next of degree 1, the last of 2.
        table: spline coefficients of the radial functions.
        edges: the graph.
        channels: how many channels have degree 0, 1, 2.

    Returns:
        The blocks (l, m) one after the other, each with the channels of its degree: channels[0] + 3 channels[1] + 5
        channels[2] columns.
    """
    rows = table[edges.first[:, None] + torch.arange(4, device=table.device)]
    sent = torch.einsum("eq,eqc->ec", edges.pieces, rows) * x[edges.source]
    blocks = [
        edges.harmonics[:, m, None] * block
        for degree, block in enumerate(sent.split(channels, dim=1))
        for m in range(degree**2, (degree + 1) ** 2)
    ]
    moments = torch.cat(blocks, dim=1)
    return moments.new_zeros(len(x), moments.shape[1]).index_add(0, edges.target, moments)


@contextmanager
def using(path: Path) -> Iterator[None]:
    """Compute the moments by this path, whatever would be chosen."""
    token = _forced.set(path)
    try:
        yield
    finally:
        _forced.reset(token)


def chosen(x: Tensor, edges: Geometry) -> Path:
    """Which path computes these moments: Triton on a GPU, compiled on a CPU, else the reference.

    The fast paths know no gradient of the positions, and single precision only.
    """
    forced = _forced.get()
    if forced is not None:
        return forced
    if edges.pieces.requires_grad or edges.harmonics.requires_grad or x.dtype == torch.float64:
        return "reference"
    if x.device.type == "cuda":
        return "triton" if find_spec("triton") else "reference"
    if x.device.type != "cpu":
        return "reference"
    from comma_encoders.modalities.structure import compiled  # noqa: PLC0415  numba takes half a second

    return "compiled" if compiled.usable() else "reference"


def density(
    x: Float[Tensor, "atoms channels"], table: Float[Tensor, "splines channels"], edges: Geometry, channels: Channels
) -> Float[Tensor, "atoms moments"]:
    """The moments by the fastest path that fits; see `reference` for what they are."""
    path = chosen(x, edges)
    if path == "reference":
        return reference(x, table, edges, channels)
    if path == "triton":
        from comma_encoders.modalities.structure import triton_density  # noqa: PLC0415  where there is a GPU

        return triton_density.density(x, table, edges, channels)
    from comma_encoders.modalities.structure import compiled  # noqa: PLC0415  numba takes half a second

    return compiled.density(x, table, edges, channels)
