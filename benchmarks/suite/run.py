"""All measurements, one after the other."""

import sys
from collections.abc import Callable, Iterator, Mapping

import torch

from benchmarks.suite import data, image, loss, startup, structure, text
from benchmarks.suite.crystals import Crystals, collections
from benchmarks.suite.measure import Measurement

THREADS = 2

Measure = Callable[[], Iterator[Measurement]]

FREE: Mapping[str, Measure] = {
    "help": startup.measure,
    "loss": loss.measure,
    "image": image.measure,
    "text": text.measure,
}
"""Measurements that need no crystals."""
ON_CRYSTALS: Mapping[str, Callable[[Crystals], Iterator[Measurement]]] = {
    "build": data.measure_build,
    "read": data.measure_reading,
    "step": structure.measure,
}
"""Measurements that are made on each collection."""
NAMES = (*FREE, *ON_CRYSTALS)


def measurements(chosen: set[str]) -> Iterator[Measurement]:
    """Make the chosen ones, and say on stderr which is being made."""
    torch.set_num_threads(THREADS)
    for name, measure in FREE.items():
        if name in chosen:
            yield from _said(name, measure())
    if chosen.isdisjoint(ON_CRYSTALS):
        return
    for crystals in collections():
        for name, measure_on in ON_CRYSTALS.items():
            if name in chosen:
                yield from _said(f"{name}, {crystals.name}", measure_on(crystals))


def _said(name: str, found: Iterator[Measurement]) -> Iterator[Measurement]:
    print(f"measuring {name}", file=sys.stderr, flush=True)
    yield from found
