"""Two ways to do the same work, measured in turn; what counts is their ratio, since machines differ and drift."""

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.results_form import row

Work = Callable[[], object]
Cost = Callable[[Work], float]
"""Runs the work and says what it cost: seconds, or MiB."""

RATIO = "ratio, peer / comma"
"""The metric that is compared with the committed result; larger is better."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Costs of both sides, pair by pair."""

    comma: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Peer / comma for each pair."""
        return tuple(p / c for p, c in zip(self.peer, self.comma, strict=True))


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One line of the table."""

    name: str
    """Tells it from all others; the committed result is looked up by it."""
    peer: str
    sizes: str
    """What was worked on."""
    costs: Costs
    metric: str = "seconds"
    """What `comma` and `peer` are given in."""
    items: int | None = None
    """Where the metric is a rate: the items that one unit of work deals with."""
    goal: str = ""

    def shown(self, costs: Sequence[float]) -> float:
        """The median cost as the metric has it."""
        return median(costs) if self.items is None else self.items / median(costs)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The ratio and both absolute figures, in the form of a result."""
        ratios, n = self.costs.ratios, len(self.costs.comma)
        low, high = interval(ratios)
        yield row(RATIO, median(ratios), n=n, low=low, high=high, row=self.name, peer=self.peer, sizes=self.sizes)
        yield row(self.metric, self.shown(self.costs.comma), n=n, row=self.name, by="comma", goal=self.goal)
        yield row(self.metric, self.shown(self.costs.peer), n=n, row=self.name, by="peer")


def seconds(work: Work) -> float:
    """Wall time of the work, garbage collected before."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(comma: Work, peer: Work, *, pairs: int, cost: Cost = seconds, warm: bool = True) -> Costs:
    """Costs of both, taken in turn; who goes first alternates, so that drift cancels.

    Args:
        comma: Our way.
        peer: The other way.
        pairs: Counted runs of each.
        cost: What is measured.
        warm: Run each once uncounted before.
    """
    if warm:
        comma()
        peer()
    found: dict[Work, list[float]] = {comma: [], peer: []}
    for i in range(pairs):
        for work in (comma, peer) if i % 2 == 0 else (peer, comma):
            found[work].append(cost(work))
    return Costs(comma=tuple(found[comma]), peer=tuple(found[peer]))


def interval(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of the median from order statistics, free of any assumption about the distribution.

    Its ends are the k-th smallest and k-th largest value, where fewer than k of n values fall below the median with a
    probability of at most 2.5 % (David and Nagaraja, Order Statistics, section 7.1). Below six values there is none.
    """
    n = len(values)
    tails = [sum(math.comb(n, j) for j in range(k)) / 2**n for k in range(1, n // 2 + 1)]
    k = sum(tail <= 0.025 for tail in tails)
    ordered = sorted(values)
    return (ordered[k - 1], ordered[n - k]) if k else (None, None)
