"""The contraction of moments to scalars on a CPU: one pass over the atoms, and one for all gradients.

`encoder.Contraction` says what is computed, and does it in plain PyTorch; as a chain of small operations it takes as
long as the sums over neighbours that it follows. Here nothing but its inputs and its result is ever in memory.
"""

from typing import Any, no_type_check

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from comma_encoders.modalities.structure.compiled import PARTS, run
from comma_encoders.modalities.structure.jit import jit

ROOT = np.float32(np.sqrt(3))
HALF = np.float32(0.5)
FLOOR, SMALL = np.float32(1e-4), np.float32(1e-8)
"""What keeps the slopes of the lengths finite at zero, see `encoder`."""
LIFT = np.float32(1e-2)


@jit(parallel=True)
@no_type_check
def _forward(  # noqa: PLR0913, PLR0917  numba knows no dataclasses
    moments: Any, dipoles: Any, quadrupoles: Any, along: Any, channels: Any, bounds: Any, out: Any
) -> None:
    c0, c1, c2 = channels[0], channels[1], channels[2]
    for part in numba.prange(len(bounds) - 1):
        for i in range(bounds[part], bounds[part + 1]):
            a, d, q, s, o = moments[i], dipoles[i], quadrupoles[i], along[i], out[i]
            o[:c0] = a[:c0]
            v, first = a[c0 : c0 + 3 * c1], o[c0:]
            for c in range(c1):
                x, y, z = v[c], v[c1 + c], v[2 * c1 + c]
                first[c] = np.sqrt(x * x + y * y + z * z + FLOOR) - LIFT
                first[c1 + c] = x * d[c] + y * d[c1 + c] + z * d[2 * c1 + c]
            v, first = a[c0 + 3 * c1 :], o[c0 + 2 * c1 :]
            for c in range(c2):
                xy, yz, zz, xz, pl = v[c], v[c2 + c], v[2 * c2 + c], v[3 * c2 + c], v[4 * c2 + c]
                first[c] = np.sqrt(xy * xy + yz * yz + zz * zz + xz * xz + pl * pl + FLOOR) - LIFT
                first[c2 + c] = (
                    xy * q[c] + yz * q[c2 + c] + zz * q[2 * c2 + c] + xz * q[3 * c2 + c] + pl * q[4 * c2 + c]
                )
                x, y, z = s[c], s[c2 + c], s[2 * c2 + c]
                plane = x * x + y * y
                seen = ROOT * (x * (xy * y + xz * z) + yz * y * z)
                seen += zz * (z * z - HALF * plane) + ROOT * HALF * pl * (x * x - y * y)
                first[2 * c2 + c] = seen / np.sqrt(plane + z * z + SMALL)


@jit(parallel=True)
@no_type_check
def _backward(  # noqa: PLR0913, PLR0917  numba knows no dataclasses
    gradient: Any,
    moments: Any,
    dipoles: Any,
    quadrupoles: Any,
    along: Any,
    channels: Any,
    bounds: Any,
    to_moments: Any,
    to_dipoles: Any,
    to_quadrupoles: Any,
    to_along: Any,
) -> None:
    c0, c1, c2 = channels[0], channels[1], channels[2]
    for part in numba.prange(len(bounds) - 1):
        for i in range(bounds[part], bounds[part + 1]):
            g, a, d, q, s = gradient[i], moments[i], dipoles[i], quadrupoles[i], along[i]
            to_a, to_d, to_q, to_s = to_moments[i], to_dipoles[i], to_quadrupoles[i], to_along[i]
            to_a[:c0] = g[:c0]
            v, to_v, given = a[c0 : c0 + 3 * c1], to_a[c0 : c0 + 3 * c1], g[c0:]
            for c in range(c1):
                x, y, z = v[c], v[c1 + c], v[2 * c1 + c]
                length = given[c] / np.sqrt(x * x + y * y + z * z + FLOOR)
                product = given[c1 + c]
                to_v[c] = length * x + product * d[c]
                to_v[c1 + c] = length * y + product * d[c1 + c]
                to_v[2 * c1 + c] = length * z + product * d[2 * c1 + c]
                to_d[c] = product * x
                to_d[c1 + c] = product * y
                to_d[2 * c1 + c] = product * z
            v, to_v, given = a[c0 + 3 * c1 :], to_a[c0 + 3 * c1 :], g[c0 + 2 * c1 :]
            for c in range(c2):
                xy, yz, zz, xz, pl = v[c], v[c2 + c], v[2 * c2 + c], v[3 * c2 + c], v[4 * c2 + c]
                length = given[c] / np.sqrt(xy * xy + yz * yz + zz * zz + xz * xz + pl * pl + FLOOR)
                product = given[c2 + c]
                x, y, z = s[c], s[c2 + c], s[2 * c2 + c]
                plane = x * x + y * y
                height = z * z - HALF * plane
                across = ROOT * HALF * (x * x - y * y)
                inverse = np.float32(1) / np.sqrt(plane + z * z + SMALL)
                three = given[2 * c2 + c] * inverse
                to_v[c] = length * xy + product * q[c] + three * ROOT * x * y
                to_v[c2 + c] = length * yz + product * q[c2 + c] + three * ROOT * y * z
                to_v[2 * c2 + c] = length * zz + product * q[2 * c2 + c] + three * height
                to_v[3 * c2 + c] = length * xz + product * q[3 * c2 + c] + three * ROOT * x * z
                to_v[4 * c2 + c] = length * pl + product * q[4 * c2 + c] + three * across
                to_q[c] = product * xy
                to_q[c2 + c] = product * yz
                to_q[2 * c2 + c] = product * zz
                to_q[3 * c2 + c] = product * xz
                to_q[4 * c2 + c] = product * pl
                seen = ROOT * (x * (xy * y + xz * z) + yz * y * z) + zz * height + pl * across
                shrink = seen * inverse * inverse
                to_s[c] = three * (ROOT * (xy * y + xz * z + pl * x) - zz * x - shrink * x)
                to_s[c2 + c] = three * (ROOT * (xy * x + yz * z - pl * y) - zz * y - shrink * y)
                to_s[2 * c2 + c] = three * (ROOT * (yz * y + xz * x) + np.float32(2) * zz * z - shrink * z)


def _bounds(atoms: int) -> np.ndarray:
    return np.linspace(0, atoms, min(PARTS, max(atoms, 1)) + 1).astype(np.int64)


class _Scalars(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917  what autograd passes on
        ctx: Any, moments: Tensor, dipoles: Tensor, quadrupoles: Tensor, along: Tensor, channels: tuple[int, int, int]
    ) -> Tensor:
        ctx.save_for_backward(moments, dipoles, quadrupoles, along)
        ctx.channels = np.array(channels)
        out = moments.new_empty(len(moments), channels[0] + 2 * channels[1] + 3 * channels[2])
        given = (moments.numpy(), dipoles.numpy(), quadrupoles.numpy(), along.numpy())
        run(_forward, *given, ctx.channels, _bounds(len(moments)), out.numpy())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        given = ctx.saved_tensors
        found = tuple(torch.empty_like(tensor) for tensor in given)
        arrays = (tensor.numpy() for tensor in (gradient.contiguous(), *given))
        run(_backward, *arrays, ctx.channels, _bounds(len(gradient)), *(tensor.numpy() for tensor in found))
        to_moments, to_dipoles, to_quadrupoles, to_along = found
        return to_moments, to_dipoles, to_quadrupoles, to_along, None


def scalars(
    moments: Tensor, dipoles: Tensor, quadrupoles: Tensor, along: Tensor, channels: tuple[int, int, int]
) -> Tensor:
    """What `encoder.Contraction` makes of moments and their mixtures, with gradients of all, once.

    Args:
        moments: (atoms, c0 + 3 c1 + 5 c2), as `density.reference` orders them; c1 and c2 above 0.
        dipoles: (atoms, 3, c1), mixtures of the dipoles among themselves.
        quadrupoles: (atoms, 5, c2), of the quadrupoles.
        along: (atoms, 3, c2), mixtures of the dipoles that the quadrupoles are seen along.
        channels: c0, c1, c2.
    """
    flat = (tensor.float().flatten(1).contiguous() for tensor in (moments, dipoles, quadrupoles, along))
    out: Tensor = _Scalars.apply(*flat, channels)
    return out
