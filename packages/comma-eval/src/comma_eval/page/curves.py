"""How a figure grows along a number, such as labels to learn from or the share that is missing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from comma_eval.page.drawing import DASHES, LINE, MARKS, SERIES, Picture, canvas, shortened, to_svg
from comma_eval.page.rows import HEADLINES, named, number
from comma_eval.report import MODEL, cell, question
from comma_eval.task import Row

Points = list[tuple[float, Row]]
WIDE_RANGE = 20.0
"""From this ratio of the largest to the smallest number on, the axis is logarithmic."""


def curves(rows: Sequence[Row], along: str) -> list[Picture]:
    """A figure for each question and headline metric, a line for each model."""
    figures: dict[tuple[str, str], dict[str, Points]] = {}
    for row in rows:
        place = number(row.labels.get(along, "no number"))
        if place is None or MODEL not in row.labels or row.metric not in HEADLINES:
            continue
        rest = {name: value for name, value in question(row.labels).items() if name != along}
        lines = figures.setdefault((row.metric, named(rest)), {})
        lines.setdefault(row.labels[MODEL], []).append((place, row))
    kept = ((key, lines) for key, lines in figures.items() if any(len(points) > 1 for points in lines.values()))
    return [_figure(metric, name, along, lines) for (metric, name), lines in kept]


def _figure(metric: str, name: str, along: str, lines: dict[str, Points]) -> Picture:
    title = f"{metric} along {along}: {name}" if name else f"{metric} along {along}"
    places = [place for points in lines.values() for place, _ in points]
    with canvas(3.4 + 0.1 * len(lines)) as (figure, axes):
        drawn = [_line(axes, k, sorted(points, key=lambda p: p[0])) for k, points in enumerate(lines.values())]
        if min(places) > 0 and max(places) / min(places) >= WIDE_RANGE:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(
                FuncFormatter(lambda tick, _: f"{tick:,.4g}")
            )  # powers are mathematical text
        ticks = sorted(set(places))
        if len(ticks) <= 8:
            axes.set_xticks(ticks, [f"{tick:,.4g}" if tick < 1000 else f"{tick:,.0f}" for tick in ticks])
            axes.minorticks_off()
        axes.set(xlabel=along, ylabel=metric)
        axes.grid(color=LINE, linewidth=0.8)
        names = list(map(shortened, lines))
        figure.legend(drawn, names, loc="outside lower left", ncols=2 if len(lines) > 3 else 1)
        words = [
            f"{model}: " + ", ".join(f"{cell(row)} at {place:g}" for place, row in sorted(points, key=lambda p: p[0]))
            for model, points in lines.items()
        ]
        banded = any(row.low is not None for points in lines.values() for _, row in points)
        note = "Bands: 95 % intervals." if banded else ""
        return Picture(heading=title, svg=to_svg(figure, title, ". ".join(words)), note=note)


def _line(axes: Axes, place: int, points: Points) -> Any:
    """Draw one model; returns what a legend shows."""
    x, y = [place for place, _ in points], [row.value for _, row in points]
    colour, mark, dash = (of[place % len(of)] for of in (SERIES, MARKS, DASHES))
    (line,) = axes.plot(x, y, color=colour, marker=mark, linestyle=dash, linewidth=1.6, markersize=5)
    low = np.array([np.nan if row.low is None else row.low for _, row in points])
    high = np.array([np.nan if row.high is None else row.high for _, row in points])
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    return line
