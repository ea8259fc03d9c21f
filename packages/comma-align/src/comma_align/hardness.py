"""Where samples lie, so that those that are hard to tell apart can meet in a batch."""

import hashlib
from collections.abc import Sequence

import numpy as np
from comma_data.formulas import composition
from comma_data.sample import Sample
from comma_data.split import UNKNOWN
from numpy.typing import NDArray
from pymatgen.core import Element

from comma_align.config import HardNegatives
from comma_align.order import generator

SET_SCALE = 100.0
"""How much further apart other element sets lie than other amounts of the same elements."""
SET_DIMENSIONS = 8


def _fractions(formula: str) -> NDArray[np.floating]:
    """Amounts by atomic number, (118,), sum 1; zeros where the formula is not known."""
    out = np.zeros(118)
    if not formula.startswith(UNKNOWN):
        for symbol, amount in composition(formula).items():
            out[Element(symbol).Z - 1] += amount
    return out / max(out.sum(), 1e-12)


def _of_set(fractions: NDArray[np.floating]) -> NDArray[np.floating]:
    """A random point that only the set of elements decides, (8,)."""
    digest = hashlib.blake2b(np.packbits(fractions > 0).tobytes(), digest_size=8).digest()
    return SET_SCALE * generator(int.from_bytes(digest, "big")).standard_normal(SET_DIMENSIONS)


def points(samples: Sequence[Sample], config: HardNegatives) -> NDArray[np.floating] | None:
    """(samples, dim) for `order.batches`, or None where nothing shall meet.

    For `composition` these are the fractions of the elements; for `elements` a point of the element set comes first, so
    that other amounts of the same elements are nearer than anything else.
    """
    if config.by == "nothing":
        return None
    amounts = np.array([_fractions(sample.groups["formula"]) for sample in samples])
    if config.by == "composition":
        return amounts
    return np.concatenate([np.array([_of_set(row) for row in amounts]), amounts], axis=1)
