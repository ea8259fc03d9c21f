"""The contrastive loss that knows of several positives, beside CLIP's, which knows one a row."""

from collections.abc import Callable, Iterator

import torch
from comma_align.losses import info_nce
from torch import Tensor
from torch.nn import functional

from benchmarks.suite import memory
from benchmarks.suite.measure import Costs, Measurement, alternate

SAMPLES = 2048
WIDTH = 256
SCALE = 14.0
"""Inverse temperature: 1 / 0.07, where CLIP starts."""


def measure(samples: int = SAMPLES, width: int = WIDTH, pairs: int = 11) -> Iterator[Measurement]:
    """Time forward and backward pass, and what memory they take; making the mask of positives is in ours."""
    generator = torch.Generator().manual_seed(0)
    za, zb = (_unit_vectors(samples, width, generator) for _ in range(2))
    groups = torch.randint(samples // 2, (samples,), generator=generator)
    scale = torch.tensor(SCALE, requires_grad=True)

    def ours() -> None:
        _backward(lambda: info_nce(za, zb, groups[:, None] == groups[None, :], scale), za, zb, scale)

    def peer() -> None:
        _backward(lambda: clip(za, zb, scale), za, zb, scale)

    def line(name: str, metric: str, costs: Costs) -> Measurement:
        sizes = f"{samples} x {width}, {len(groups.unique())} groups, {torch.get_num_threads()} threads"
        return Measurement(name=name, peer="CLIP: two cross-entropies", sizes=sizes, metric=metric, costs=costs)

    yield line("loss", "seconds", alternate(ours, peer, pairs=pairs))
    if memory.AVAILABLE:
        # the loss has run by now, and its memory hardly varies
        yield line("loss memory", "MiB", alternate(ours, peer, pairs=1, cost=memory.extra_peak, warm=False))


def clip(za: Tensor, zb: Tensor, scale: Tensor) -> Tensor:
    """Mean of the cross-entropies along rows and columns, the diagonal being right (Radford et al. 2021, figure 3)."""
    logits = scale * za @ zb.T
    target = torch.arange(len(logits))
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def _unit_vectors(samples: int, width: int, generator: torch.Generator) -> Tensor:
    vectors = torch.randn(samples, width, generator=generator)
    return functional.normalize(vectors, dim=1).requires_grad_()


def _backward(loss: Callable[[], Tensor], *leaves: Tensor) -> None:
    for leaf in leaves:
        leaf.grad = None
    loss().backward()
