"""Contributions as colours: blue raises the similarity, red lowers it, by the size of the largest."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True)
class Shade:
    """What a contribution looks like, and how it is written."""

    sign: str
    """CSS class: `plus` or `minus`."""
    style: str
    """How strong, as a CSS variable."""
    words: str
    """`+0.123`."""


def signed(value: float) -> str:
    """`+0.123`, with a minus sign of the same width; `0.000` has none."""
    told = f"{value:+.3f}".replace("-", "\u2212")
    return told if float(f"{value:.3f}") else told[1:]


def shade(value: float, largest: float) -> Shade:
    """The shade of one contribution among those of which one has that size."""
    strength = round(100 * min(abs(value) / largest, 1.0)) if largest > 0 else 0
    return Shade(sign="plus" if value >= 0 else "minus", style=f"--k:{strength}%", words=signed(value))


def shades(values: Float[np.ndarray, " parts"]) -> list[Shade]:
    """The shades of all parts of a value."""
    largest = float(np.abs(values).max(initial=0.0))
    return [shade(float(value), largest) for value in values]
