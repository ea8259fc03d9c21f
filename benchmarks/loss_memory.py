"""Time and memory of the contrastive loss on large batches, beside two cross-entropies on two matrices of logits.

Run in the root of the repository, on a quiet machine with 20 GiB of free memory:

    python -m benchmarks.loss_memory
"""

import sys
import time
from collections.abc import Callable, Iterator
from itertools import combinations

import torch
from comma_align.losses import infonce
from comma_align.sides import sides
from torch import Tensor
from torch.nn import functional

from benchmarks.results_form import write_result
from benchmarks.suite import memory
from benchmarks.suite.measure import Costs, Measurement, alternate

SIZES = ((2, 16_384, 512, 3), (3, 4_096, 512, 7), (3, 16_384, 512, 3))
"""Modalities, batch, dimension, and how often both sides are measured."""
SCALE = 14.0
"""Inverse temperature: 1 / 0.07, where CLIP starts."""
PEER = "two cross-entropies, each on its own matrix of logits"


def main() -> None:
    """Measure and write the result."""
    start = time.perf_counter()
    torch.set_num_threads(2)
    rows = [row for size in SIZES for line in _lines(*size) for row in line.rows()]
    path = write_result(
        "loss-memory",
        what=(
            "Forward and backward pass of symmetric InfoNCE in chunks of 256 rows, with positives by group (about two "
            "a row), beside the plain loss of CLIP, which knows one positive a row: seconds and extra memory, "
            "gradients included; two modalities, and the three pairs of three"
        ),
        command="python -m benchmarks.loss_memory",
        rows=rows,
        seconds=time.perf_counter() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def plain(za: Tensor, zb: Tensor, scale: Tensor) -> Tensor:
    """The loss of CLIP as it is usually computed, in both directions (Radford et al. 2021, figure 3)."""
    target = torch.arange(len(za))
    there, back = scale * za @ zb.T, scale * zb @ za.T
    return (functional.cross_entropy(there, target) + functional.cross_entropy(back, target)) / 2


def _lines(modalities: int, samples: int, width: int, pairs: int) -> Iterator[Measurement]:
    """Seconds, then memory."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(samples, width, generator=generator) for _ in range(modalities)]
    vectors = [functional.normalize(z, dim=1).requires_grad_() for z in drawn]
    codes = torch.randint(samples // 2, (samples,), generator=generator)
    scale = torch.tensor(SCALE, requires_grad=True)

    def ours() -> None:
        _backward(vectors, lambda za, zb: infonce(sides(za, zb, codes, codes), scale))

    def peer() -> None:
        _backward(vectors, lambda za, zb: plain(za, zb, scale))

    def line(metric: str, costs: Costs) -> Measurement:
        name = f"{modalities} modalities, {samples} x {width}"
        sizes = f"{samples} x {width}, {len(codes.unique())} groups, {torch.get_num_threads()} threads"
        return Measurement(name=f"{name}, {metric}", peer=PEER, sizes=sizes, metric=metric, costs=costs)

    yield line("seconds", alternate(ours, peer, pairs=pairs))
    if memory.AVAILABLE:
        yield line("MiB", alternate(ours, peer, pairs=1, cost=memory.extra_peak, warm=False))


def _backward(vectors: list[Tensor], loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    """The mean over all pairs of modalities, as a training step has it: one graph, one backward pass."""
    for z in vectors:
        z.grad = None
    torch.stack([loss(za, zb) for za, zb in combinations(vectors, 2)]).mean().backward()


if __name__ == "__main__":
    main()
