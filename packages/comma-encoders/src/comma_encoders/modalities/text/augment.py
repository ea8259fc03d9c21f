"""Variants of a protocol that mean the same."""

from typing import Any

import numpy as np

DROPPED = 0.1
"""Share of the later steps that are left out at strength 1."""


def augment(value: Any, rng: np.random.Generator, strength: float = 1.0) -> Any:
    """The protocol without some of its later steps.

    The first step, which names the precursors, always stays: chemistry is never changed.
    """
    keep = rng.random(len(value)) >= strength * DROPPED
    return tuple(step for i, step in enumerate(value) if i == 0 or keep[i])
