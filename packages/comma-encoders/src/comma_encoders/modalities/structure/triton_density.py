"""Moments of the density on a GPU: one program walks an atom's edges for a block of channels of one degree.

The same walk as on a CPU (see `compiled`), without atomic sums: gradients of the table are collected by programs that
own one interval of the splines each, over edges sorted by interval, so that a step gives the same bits every time.
"""

from collections.abc import Iterator
from typing import Any, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from comma_encoders.modalities.structure.geometry import Geometry

BLOCK = 64
"""Channels of one program."""
SPLITS = 16
"""Programs that share the edges of one interval of the splines."""
PADDED = (1, 4, 8)
"""2 l + 1, rounded up to a power of two."""


@triton.jit
@no_type_check
def _filter(table, pieces, first, e, c, there, sent):  # noqa: ANN001, ANN202, PLR0913, PLR0917
    k = tl.load(first + e)
    blended = tl.load(pieces + 4 * e) * tl.load(table + k * sent + c, mask=there, other=0.0)
    for q in tl.static_range(1, 4):
        blended += tl.load(pieces + 4 * e + q) * tl.load(table + (k + q) * sent + c, mask=there, other=0.0)
    return blended


@triton.jit
@no_type_check
def _forward(  # noqa: ANN202, PLR0913, PLR0917
    x, table, start, source, first, pieces, harmonics, out,  # noqa: ANN001
    base, to, channels, sent, total, DEGREE: tl.constexpr, ROWS: tl.constexpr, WIDE: tl.constexpr,  # noqa: ANN001, N803
):  # fmt: skip
    i = tl.program_id(0)
    c = tl.program_id(1) * WIDE + tl.arange(0, WIDE)
    there = c < channels
    m = tl.arange(0, ROWS)
    real = m < 2 * DEGREE + 1
    sums = tl.zeros([ROWS, WIDE], dtype=tl.float32)
    for e in range(tl.load(start + i), tl.load(start + i + 1)):
        blended = _filter(table, pieces, first, e, base + c, there, sent)
        message = blended * tl.load(x + tl.load(source + e) * sent + base + c, mask=there, other=0.0)
        y = tl.load(harmonics + 9 * e + DEGREE * DEGREE + m, mask=real, other=0.0)
        sums += y[:, None] * message[None, :]
    places = i * total + to + m[:, None] * channels + c[None, :]
    tl.store(out + places, sums, mask=real[:, None] & there[None, :])


@triton.jit
@no_type_check
def _given(  # noqa: ANN202, PLR0913, PLR0917
    gradient, harmonics, e, atom, c, there, to, channels, total,  # noqa: ANN001
    DEGREE: tl.constexpr, ROWS: tl.constexpr,  # noqa: N803
):  # fmt: skip
    m = tl.arange(0, ROWS)
    real = m < 2 * DEGREE + 1
    y = tl.load(harmonics + 9 * e + DEGREE * DEGREE + m, mask=real, other=0.0)
    places = atom * total + to + m[:, None] * channels + c[None, :]
    given = tl.load(gradient + places, mask=real[:, None] & there[None, :], other=0.0)
    # the edge is seen from its other end: the direction is reversed
    return tl.sum(y[:, None] * given, axis=0) * (1 - 2 * (DEGREE % 2))


@triton.jit
@no_type_check
def _backward_x(  # noqa: ANN202, PLR0913, PLR0917
    gradient, table, start, source, first, pieces, harmonics, to_x,  # noqa: ANN001
    base, to, channels, sent, total, DEGREE: tl.constexpr, ROWS: tl.constexpr, WIDE: tl.constexpr,  # noqa: ANN001, N803
):  # fmt: skip
    i = tl.program_id(0)
    c = tl.program_id(1) * WIDE + tl.arange(0, WIDE)
    there = c < channels
    sums = tl.zeros([WIDE], dtype=tl.float32)
    for e in range(tl.load(start + i), tl.load(start + i + 1)):
        given = _given(gradient, harmonics, e, tl.load(source + e), c, there, to, channels, total, DEGREE, ROWS)
        sums += _filter(table, pieces, first, e, base + c, there, sent) * given
    tl.store(to_x + i * sent + base + c, sums, mask=there)


@triton.jit
@no_type_check
def _backward_table(  # noqa: ANN202, PLR0913, PLR0917
    gradient, x, target, source, pieces, harmonics, order, interval, partial,  # noqa: ANN001
    base, to, channels, sent, total, DEGREE: tl.constexpr, ROWS: tl.constexpr, WIDE: tl.constexpr,  # noqa: ANN001, N803
):  # fmt: skip
    k, split, splits = tl.program_id(0), tl.program_id(2), tl.num_programs(2)
    c = tl.program_id(1) * WIDE + tl.arange(0, WIDE)
    there = c < channels
    q = tl.arange(0, 4)
    sums = tl.zeros([4, WIDE], dtype=tl.float32)
    for place in range(tl.load(interval + k) + split, tl.load(interval + k + 1), splits):
        e = tl.load(order + place)
        given = _given(gradient, harmonics, e, tl.load(source + e), c, there, to, channels, total, DEGREE, ROWS)
        own = tl.load(x + tl.load(target + e) * sent + base + c, mask=there, other=0.0)
        sums += tl.load(pieces + 4 * e + q)[:, None] * (given * own)[None, :]
    places = ((split * tl.num_programs(0) + k) * 4 + q[:, None]) * sent + base + c[None, :]
    tl.store(partial + places, sums, mask=there[None, :])


def _degrees(channels: tuple[int, int, int]) -> Iterator[tuple[int, int, int, int]]:
    """(degree, channels, first column of what is sent, first column of the moments) of the degrees that are there."""
    base = to = 0
    for degree, count in enumerate(channels):
        if count:
            yield degree, count, base, to
        base, to = base + count, to + (2 * degree + 1) * count


class _Density(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor, edges: Geometry, channels: tuple[int, int, int]) -> Tensor:
        ctx.save_for_backward(x, table)
        ctx.edges, ctx.channels = edges, channels
        total = channels[0] + 3 * channels[1] + 5 * channels[2]
        out = x.new_empty(len(x), total)
        arrays = (edges.start, edges.source, edges.first, edges.pieces, edges.harmonics)
        for degree, count, base, to in _degrees(channels):
            _forward[len(x), triton.cdiv(count, BLOCK)](
                x, table, *arrays, out, base, to, count, x.shape[1], total, degree, PADDED[degree], BLOCK
            )
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, table = ctx.saved_tensors
        edges, gradient = ctx.edges, gradient.contiguous()
        intervals = len(table) - 3
        order = edges.first.argsort(stable=True)
        ends = torch.bincount(edges.first, minlength=intervals).cumsum(0)
        interval = torch.cat([ends.new_zeros(1), ends])
        to_x, partial = torch.empty_like(x), x.new_zeros(SPLITS, intervals, 4, x.shape[1])
        for degree, count, base, to in _degrees(ctx.channels):
            sizes = (base, to, count, x.shape[1], gradient.shape[1], degree, PADDED[degree], BLOCK)
            blocks = triton.cdiv(count, BLOCK)
            _backward_x[len(x), blocks](
                gradient, table, edges.start, edges.source, edges.first, edges.pieces, edges.harmonics, to_x, *sizes
            )
            _backward_table[intervals, blocks, SPLITS](
                gradient, x, edges.target, edges.source, edges.pieces, edges.harmonics, order, interval, partial, *sizes
            )
        to_table = torch.zeros_like(table)
        for q, part in enumerate(partial.sum(dim=0).unbind(dim=1)):
            to_table[q : q + intervals] += part
        return to_x, to_table, None, None


def density(x: Tensor, table: Tensor, edges: Geometry, channels: tuple[int, int, int]) -> Tensor:
    """What `density.reference` computes, with gradients of `x` and `table`, once."""
    out: Tensor = _Density.apply(x.float().contiguous(), table.float().contiguous(), edges, channels)
    return out
