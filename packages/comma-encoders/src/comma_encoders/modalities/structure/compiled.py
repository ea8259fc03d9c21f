"""Moments of the density on a CPU: one pass over each atom's edges, nothing of size (edges, channels) ever made.

The backward pass is the same walk. A neighbour list holds every pair in both directions, so what atom j receives as
gradient comes from the atoms in its own row: the direction is reversed, which turns the sign of odd degrees.
Gradients of the table are summed by parts of the atoms; the parts do not depend on the number of threads, so neither
do the bits of the result.

The degrees are written out: a loop over them and their components, inside the one over edges, takes 4 times as long
forward and 2.5 times backward, since each of its nine short walks over the channels has its own set-up.
"""

import os
from threading import Lock
from typing import Any, no_type_check

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from comma_encoders.modalities.structure.geometry import Geometry
from comma_encoders.modalities.structure.jit import jit

PARTS = 32
"""More threads than this would idle; more parts would cost memory and a longer sum."""
_began = False
_lost = False
_LOCK = Lock()  # one of numba's threading layers ends the process when two threads enter it at once


@jit(parallel=True)
@no_type_check
def _forward(  # noqa: PLR0913, PLR0917  numba knows no dataclasses
    x: Any,
    table: Any,
    start: Any,
    source: Any,
    first: Any,
    pieces: Any,
    harmonics: Any,
    channels: Any,
    bounds: Any,
    out: Any,
) -> None:
    c0, c1, c2 = channels[0], channels[1], channels[2]
    for part in numba.prange(len(bounds) - 1):
        sent = np.empty(x.shape[1], np.float32)
        sent0, sent1, sent2 = sent[:c0], sent[c0 : c0 + c1], sent[c0 + c1 :]
        for i in range(bounds[part], bounds[part + 1]):
            into = out[i]
            into[:] = 0
            into0, into1, into2 = into[:c0], into[c0 : c0 + 3 * c1], into[c0 + 3 * c1 :]
            for e in range(start[i], start[i + 1]):
                k, xj = first[e], x[source[e]]
                w0, w1, w2, w3 = pieces[e, 0], pieces[e, 1], pieces[e, 2], pieces[e, 3]
                t0, t1, t2, t3 = table[k], table[k + 1], table[k + 2], table[k + 3]
                for c in range(len(sent)):
                    sent[c] = (w0 * t0[c] + w1 * t1[c] + w2 * t2[c] + w3 * t3[c]) * xj[c]
                for c in range(c0):
                    into0[c] += sent0[c]
                dx, dy, dz = harmonics[e, 1], harmonics[e, 2], harmonics[e, 3]
                for c in range(c1):
                    v = sent1[c]
                    into1[c] += dx * v
                    into1[c1 + c] += dy * v
                    into1[2 * c1 + c] += dz * v
                xy, yz, zz = harmonics[e, 4], harmonics[e, 5], harmonics[e, 6]
                xz, pl = harmonics[e, 7], harmonics[e, 8]
                for c in range(c2):
                    v = sent2[c]
                    into2[c] += xy * v
                    into2[c2 + c] += yz * v
                    into2[2 * c2 + c] += zz * v
                    into2[3 * c2 + c] += xz * v
                    into2[4 * c2 + c] += pl * v


@jit(parallel=True)
@no_type_check
def _backward(  # noqa: PLR0913, PLR0917  numba knows no dataclasses
    gradient: Any,
    x: Any,
    table: Any,
    start: Any,
    source: Any,
    first: Any,
    pieces: Any,
    harmonics: Any,
    channels: Any,
    bounds: Any,
    to_x: Any,
    to_table: Any,
) -> None:
    c0, c1, c2 = channels[0], channels[1], channels[2]
    for part in numba.prange(len(bounds) - 1):
        sums = to_table[part]
        back = np.empty(x.shape[1], np.float32)
        back0, back1, back2 = back[:c0], back[c0 : c0 + c1], back[c0 + c1 :]
        for i in range(bounds[part], bounds[part + 1]):
            into, xi = to_x[i], x[i]
            into[:] = 0
            for e in range(start[i], start[i + 1]):
                given = gradient[source[e]]
                given1, given2 = given[c0 : c0 + 3 * c1], given[c0 + 3 * c1 :]
                back0[:] = given[:c0]
                dx, dy, dz = -harmonics[e, 1], -harmonics[e, 2], -harmonics[e, 3]
                for c in range(c1):
                    back1[c] = dx * given1[c] + dy * given1[c1 + c] + dz * given1[2 * c1 + c]
                xy, yz, zz = harmonics[e, 4], harmonics[e, 5], harmonics[e, 6]
                xz, pl = harmonics[e, 7], harmonics[e, 8]
                for c in range(c2):
                    to = xy * given2[c] + yz * given2[c2 + c] + zz * given2[2 * c2 + c]
                    back2[c] = to + xz * given2[3 * c2 + c] + pl * given2[4 * c2 + c]
                k = first[e]
                w0, w1, w2, w3 = pieces[e, 0], pieces[e, 1], pieces[e, 2], pieces[e, 3]
                t0, t1, t2, t3 = table[k], table[k + 1], table[k + 2], table[k + 3]
                for c in range(len(back)):
                    into[c] += (w0 * t0[c] + w1 * t1[c] + w2 * t2[c] + w3 * t3[c]) * back[c]
                s0, s1, s2, s3 = sums[k], sums[k + 1], sums[k + 2], sums[k + 3]
                for c in range(len(back)):
                    v = back[c] * xi[c]
                    s0[c] += w0 * v
                    s1[c] += w1 * v
                    s2[c] += w2 * v
                    s3[c] += w3 * v


def _arrays(edges: Geometry) -> tuple[np.ndarray, ...]:
    """start, source, first, pieces, harmonics as numpy sees them, without a copy."""
    tensors = (edges.start, edges.source, edges.first, edges.pieces, edges.harmonics)
    return tuple(t.detach().contiguous().numpy() for t in tensors)


def _parts(start: np.ndarray) -> np.ndarray:
    """Bounds of at most `PARTS` runs of atoms with about equally many edges."""
    wanted = np.linspace(0, start[-1], min(PARTS, len(start) - 1) + 1)
    bounds = np.searchsorted(start, wanted)
    bounds[0], bounds[-1] = 0, len(start) - 1
    return np.maximum.accumulate(bounds)


def usable() -> bool:
    """Whether the kernels can run here: not in a process forked after they had run, which numba would end."""
    return not _lost


def _after_fork() -> None:
    global _lost  # noqa: PLW0603  of this process
    _lost = _began


if hasattr(os, "register_at_fork"):  # not on Windows, which forks nothing
    os.register_at_fork(after_in_child=_after_fork)


def run(kernel: Any, *arguments: Any) -> None:
    """Call a kernel on as many threads as torch has, and leave both with as many as they had."""
    global _began  # noqa: PLW0603  of this process
    threads = torch.get_num_threads()
    with _LOCK:
        _began = True
        before = numba.get_num_threads()
        numba.set_num_threads(max(1, min(threads, numba.config.NUMBA_NUM_THREADS)))
        try:
            kernel(*arguments)
        finally:
            numba.set_num_threads(before)
    if torch.get_num_threads() != threads:  # numba's pool, when it starts, sets the number of OpenMP threads for all
        torch.set_num_threads(threads)


class _Density(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor, edges: Geometry, channels: tuple[int, int, int]) -> Tensor:
        ctx.save_for_backward(x, table)
        ctx.edges, ctx.channels = edges, np.array(channels)
        out = x.new_empty(len(x), channels[0] + 3 * channels[1] + 5 * channels[2])
        arrays = _arrays(edges)
        run(_forward, x.numpy(), table.numpy(), *arrays, ctx.channels, _parts(arrays[0]), out.numpy())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, table = ctx.saved_tensors
        arrays = _arrays(ctx.edges)
        bounds = _parts(arrays[0])
        to_x, to_table = torch.empty_like(x), table.new_zeros(len(bounds) - 1, *table.shape)
        given = (gradient.contiguous().numpy(), x.numpy(), table.numpy())
        run(_backward, *given, *arrays, ctx.channels, bounds, to_x.numpy(), to_table.numpy())
        return to_x, to_table.sum(dim=0), None, None


def density(x: Tensor, table: Tensor, edges: Geometry, channels: tuple[int, int, int]) -> Tensor:
    """What `density.reference` computes, with gradients of `x` and `table`, once."""
    out: Tensor = _Density.apply(x.float().contiguous(), table.float().contiguous(), edges, channels)
    return out
