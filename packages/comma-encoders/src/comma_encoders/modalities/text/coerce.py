"""What users have -> raw text: a paragraph, or a sequence of steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from comma_encoders.errors import InputError, KindError
from comma_encoders.modalities.text.sentences import sentences

MAX_CHARACTERS = 1_000_000


def coerce(value: Any) -> tuple[str, ...]:
    """A raw text: a plain string is split into sentences, a sequence of strings is taken as the steps.

    A line of a string is a step of its own, unless all lines were cut for their width, as in what is copied from a PDF.

    Raises:
        InputError: neither of these, nothing but white space, or more than a million characters.
    """
    if isinstance(value, Sequence) and all(isinstance(step, str) for step in value):
        steps = sentences(value) if isinstance(value, str) else tuple(value)
    else:
        raise KindError(f"cannot make a protocol of {type(value).__name__}; give a string or a sequence of steps")
    size = sum(map(len, steps))
    if not 0 < size <= MAX_CHARACTERS:
        raise InputError(f"a protocol of {size} characters; it has to have 1 to {MAX_CHARACTERS}")
    return steps


def example(rng: np.random.Generator) -> tuple[str, ...]:
    """A random solid-state route to a random oxide; every other one weighs its precursors out."""
    a, b = rng.choice(["Li2CO3", "BaCO3", "TiO2", "Fe2O3", "La2O3", "CuO", "ZnO", "Nb2O5"], size=2, replace=False)
    temperature, hours = int(rng.integers(30, 160)) * 10, int(rng.integers(1, 48))
    return (
        f"Mix {a} and {b} in ethanol.",
        f"Calcine at {temperature} °C for {hours} h in air.",
        *(f"Sinter at {temperature + 100} °C." for _ in range(int(rng.integers(0, 2)))),
        *(f"Amounts: 1 mol {a}, {rng.integers(1, 4)} mol {b}." for _ in range(int(rng.integers(0, 2)))),
    )
