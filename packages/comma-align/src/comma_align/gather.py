"""Embeddings from all processes, with gradient.

Every process then holds the whole global batch and computes the same loss. The gradient of that loss reaches a process
only through the vectors it made itself, so that the sum of the parameters' gradients over the processes is the
gradient of the single-process loss, where dropout draws the same.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.distributed as dist
from comma_encoders.types import Embedded
from torch import Tensor


def world() -> int:
    """Number of processes; 1 where nothing is distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process."""
    return dist.get_rank() if world() > 1 else 0


def _sizes(x: Tensor) -> list[int]:
    counts = [torch.zeros(1, dtype=torch.int64, device=x.device) for _ in range(world())]
    dist.all_gather(counts, torch.tensor([len(x)], device=x.device))
    return [int(count) for count in counts]


def gather_rows(x: Tensor) -> Tensor:
    """Rows of all processes, in their order; the processes may have different numbers of rows. Without gradient."""
    if world() == 1:
        return x
    sizes = _sizes(x)
    padded = x.new_zeros(max(sizes), *x.shape[1:])
    padded[: len(x)] = x
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


class _Gather(torch.autograd.Function):
    """`gather_rows` whose gradient is that of the process's own rows."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        sizes = _sizes(x)
        ctx.start = sum(sizes[: rank()])  # type: ignore[attr-defined]  # torch lets a context hold anything
        ctx.count = len(x)  # type: ignore[attr-defined]
        return gather_rows(x.detach())

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        start, count = ctx.start, ctx.count  # type: ignore[attr-defined]
        return gradients[0][start : start + count]


def gather(
    embedded: Mapping[str, Embedded], modalities: Sequence[str], samples: int, like: Tensor
) -> dict[str, Embedded]:
    """The embeddings of the global batch; a modality that no process has is not there.

    Args:
        embedded: what this process has.
        modalities: all that any process may have, in the same order everywhere.
        samples: samples of this process, from which rows are numbered anew.
        like: a tensor (any, dim) of the vectors' dimension, type and device, for a process that has none.
    """
    if world() == 1:
        return dict(embedded)
    first = int(gather_rows(torch.tensor([samples], device=like.device))[: rank()].sum())
    out = {}
    for name in modalities:
        mine = embedded.get(name)
        z = mine.z if mine else like.new_zeros(0, like.shape[-1])
        rows = mine.rows + first if mine else torch.zeros(0, dtype=torch.int64, device=like.device)
        everyone = Embedded(z=_Gather.apply(z), rows=gather_rows(rows))
        if len(everyone.rows):
            out[name] = everyone
    return out


def sum_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Add up the gradients of all processes, in one message; a process without one adds nothing.

    A parameter of which no process has a gradient keeps none, as with one process: with zeros an optimizer would go on
    with momentum and decay.
    """
    if world() == 1 or not parameters:
        return
    there = torch.tensor([p.grad is not None for p in parameters], dtype=torch.uint8, device=parameters[0].device)
    dist.all_reduce(there, op=dist.ReduceOp.MAX)
    moved = [p for p, flag in zip(parameters, there.tolist(), strict=True) if flag]
    if not moved:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in moved]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for p, g in zip(moved, flat.split([g.numel() for g in gradients]), strict=True):
        p.grad = g.view_as(p).clone()


def any_process(flag: bool, device: torch.device) -> bool:  # noqa: FBT001  the one thing that is asked
    """Whether the flag is up in any process: so all of them stop after the same step."""
    if world() == 1:
        return flag
    up = torch.tensor([int(flag)], device=device)
    dist.all_reduce(up, op=dist.ReduceOp.MAX)
    return bool(up.item())


def total(count: float, device: torch.device) -> float:
    """The sum of a number over all processes."""
    if world() == 1:
        return count
    summed = torch.tensor([count], dtype=torch.float64, device=device)
    dist.all_reduce(summed)
    return float(summed.item())
