"""Round numbers for axes, scale bars and bins."""

import math

ROUND = (1.0, 2.0, 5.0, 10.0)


def step(span: float, count: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that divides a span into at most `count` parts."""
    if not span > 0:
        return 1.0
    exact = span / count
    power = 10.0 ** math.floor(math.log10(exact))
    return next(r * power for r in (*ROUND, 20.0) if r * power >= exact * (1 - 1e-9))


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers from low to high."""
    width = step(high - low, count)
    first, last = math.ceil(low / width - 1e-9), math.floor(high / width + 1e-9)
    return [i * width for i in range(first, last + 1)]


def bar_length(extent: float) -> float:
    """The largest round number that is at most a third of an extent: for scale bars."""
    third = extent / 3
    power = 10.0 ** math.floor(math.log10(third))
    return max(r * power for r in ROUND if r * power <= third * (1 + 1e-9))


def label(value: float) -> str:
    """A tick's text."""
    return f"{value:,.10g}" if abs(value) < 1e7 else f"{value:.0e}"
