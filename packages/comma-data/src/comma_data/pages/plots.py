"""Numbers as inline SVG: histograms and curves that take their colours from the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from comma_data.pages.axes import label, step, ticks
from comma_data.pages.svg import drawing, element, text

WIDTH = 310.0
HEIGHT = 190.0
"""Pixels of a histogram, so that its letters are of readable size on a phone and in three columns."""
SHOWN = (0.0025, 0.9975)
"""Quantiles at which a histogram begins and ends; what lies beyond is counted in words."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A figure and what it says in words."""

    svg: Markup
    values: int
    low: float
    median: float
    high: float
    beyond: int
    """Values to the left and right of the figure."""


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where data lie on the paper."""

    low: float
    high: float
    top: float
    width: float = WIDTH
    height: float = HEIGHT
    left: float = 48.0
    right: float = 12.0
    above: float = 10.0
    below: float = 40.0

    def x(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        return self.height - self.below - value / self.top * (self.height - self.below - self.above)


def histogram(values: Sequence[float], name: str, *, axis: str = "") -> Histogram:
    """How often values occur; bins have round edges, whole numbers have a bin each where there are few.

    Args:
        values: At least one, finite.
        name: Of the quantity, for screen readers.
        axis: Title of the axis: the unit.
    """
    array = np.asarray(values, dtype=float)
    edges = _edges(array)
    counts, _ = np.histogram(array, edges)
    whole = edges[1] - edges[0] == 1 and edges[0] % 1 == 0.5
    frame = _Frame(low=float(edges[0]), high=float(edges[-1]), top=float(max(counts.max(), 1)))
    bars = [_bar(frame, edges[i], edges[i + 1], int(n), whole=whole) for i, n in enumerate(counts) if n]
    svg = drawing(
        [*_grid(frame, count=4), *bars, *_bottom(frame, axis)], width=WIDTH, height=HEIGHT, label=f"{name}: histogram"
    )
    return Histogram(
        svg=svg,
        values=len(array),
        low=float(array.min()),
        median=float(np.median(array)),
        high=float(array.max()),
        beyond=int(((array < edges[0]) | (array > edges[-1])).sum()),
    )


def curve(x: np.ndarray, y: np.ndarray, *, name: str, unit_x: str) -> Markup:
    """A line, at most a few points per pixel: of more, the lowest and the highest of each stretch are drawn.

    Args:
        x: (p,), rising.
        y: (p,), not negative.
        name: For screen readers.
        unit_x: The axis' title.
    """
    top = float(y.max()) or 1.0
    frame = _Frame(low=float(x[0]), high=float(max(x[-1], x[0] + 1e-9)), top=top, width=760, height=240, left=14)
    shown_x, shown_y = _thinned(x, y, 1500)
    points = " ".join(f"{frame.x(a):.1f},{frame.y(b):.1f}" for a, b in zip(shown_x, shown_y, strict=True))
    line = element("polyline", points=points, class_="line")
    return drawing([*_bottom(frame, unit_x, count=10), line], width=760, height=240, label=name, class_="plot wide")


def _edges(array: np.ndarray) -> np.ndarray:
    low, high = np.quantile(array, SHOWN[0], method="lower"), np.quantile(array, SHOWN[1], method="higher")
    if (array % 1 == 0).all() and high - low <= 40:
        return np.arange(low, high + 2) - 0.5
    width = step(high - low, 36)
    first, last = np.floor(low / width), np.floor(high / width) + 1
    return np.arange(first, last + 1) * width


def _bar(frame: _Frame, low: float, high: float, count: int, *, whole: bool) -> Markup:
    where = label(float(low + high) / 2) if whole else f"{label(float(low))} to {label(float(high))}"
    left, right = frame.x(float(low)), frame.x(float(high))
    return element(
        "rect",
        element("title", f"{where}: {count:,}"),
        x=left + 0.4,
        y=frame.y(count),
        width=max(right - left - 0.8, 0.6),
        height=frame.y(0) - frame.y(count),
        class_="bar",
    )


def _grid(frame: _Frame, *, count: int) -> list[Markup]:
    lines = []
    for value in ticks(0, frame.top, count):
        y = frame.y(value)
        lines.append(element("line", x1=frame.left, x2=frame.width - frame.right, y1=y, y2=y, class_="grid"))
        lines.append(text(label(value), frame.left - 6, y + 4, "end"))
    return lines


def _bottom(frame: _Frame, name: str, *, count: int = 6) -> list[Markup]:
    base = frame.height - frame.below
    axis = element("line", x1=frame.left, x2=frame.width - frame.right, y1=base, y2=base, class_="axis")
    marks = [text(label(v), frame.x(v), base + 15) for v in ticks(frame.low, frame.high, count)]
    return [axis, *marks, text(name, (frame.left + frame.width - frame.right) / 2, frame.height - 6, class_="title")]


def _thinned(x: np.ndarray, y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    if len(x) <= most:
        return x, y
    stretches = np.array_split(np.arange(len(x)), most // 2)
    kept = np.unique([i for s in stretches for i in (s[y[s].argmin()], s[y[s].argmax()])])
    return x[kept], y[kept]
