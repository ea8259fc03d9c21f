"""What was claimed beforehand, and what came of it: gains with intervals beside what was aimed at."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from comma_eval.page.content import Outcome
from comma_eval.page.drawing import ACCENT, INK, LINE, SOFT, WARN, Picture, canvas, to_svg

COLOURS = {"holds": ACCENT, "does not hold": WARN, "undecided": SOFT}
MARKS = {"holds": "o", "does not hold": "X", "undecided": "D"}
ROOM = 0.42
"""Inches of height for each outcome."""


def forest(outcomes: Sequence[Outcome]) -> Picture | None:
    """A line for each outcome whose line is not at zero; per cent better than the line, and the aim as a mark."""
    shown = [outcome for outcome in outcomes if outcome.gain is not None]
    if not shown:
        return None
    title = "Gains of the primary outcomes"
    words = "; ".join(f"{o.name}: {gain(o)}, {o.verdict}" for o in shown)
    with canvas(0.8 + ROOM * len(shown)) as (figure, axes):
        edges = _edges(shown)
        for place, outcome in enumerate(shown):
            _line(axes, place, outcome, edges)
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(shown)), [f"{outcomes.index(o) + 1}." for o in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set(xlabel="better than the line, %")
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        note = "Numbers as above. Points: relative gain; lines: 95 % interval; upright marks: the aim."
        if any(map(_open, shown)):
            note += " Arrows: no end, since the line is at 0 in some resamples."
        return Picture(heading=title, svg=to_svg(figure, title, words), note=note)


def gain(outcome: Outcome) -> str:
    """`+12 % (3 % to 21 %), aim 20 %`."""
    found = outcome.gain
    aim = f"aim {outcome.aim:.0%}" if outcome.aim else "aim: any gain"
    if found is None:
        return f"no relative gain, since {outcome.against} is at 0; {aim}"
    if not _open(outcome):
        return f"{found.value:+.1%} ({found.low:+.1%} to {found.high:+.1%}), {aim}"
    end = f"from {found.low:+.1%}, no upper end" if math.isfinite(found.low) else f"to {found.high:+.1%}, no lower end"
    return f"{found.value:+.1%} ({end}, since {outcome.against} is at 0 in some resamples), {aim}"


def _open(outcome: Outcome) -> bool:
    """Whether the interval of its gain lacks an end."""
    return outcome.gain is not None and not math.isfinite(outcome.gain.high - outcome.gain.low)


def _edges(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """How far intervals without an end are drawn: a little beyond everything that has a place."""
    told = [value for o in outcomes if o.gain for value in (0.0, o.aim, o.gain.value, o.gain.low, o.gain.high)]
    places = [value for value in told if math.isfinite(value)]
    room = 0.1 * (max(places) - min(places))
    return min(places) - room, max(places) + room


def _line(axes: Axes, place: int, outcome: Outcome, edges: tuple[float, float]) -> None:
    found, colour = outcome.gain, COLOURS[outcome.verdict]
    if found is None:
        return
    low, high = max(found.low, edges[0]), min(found.high, edges[1])
    axes.plot([100 * low, 100 * high], [place, place], color=colour, linewidth=2)
    if _open(outcome):
        end, arrow = (high, ">") if math.isfinite(found.low) else (low, "<")
        axes.plot([100 * end], [place], color=colour, marker=arrow, markersize=8)
    axes.plot([100 * found.value], [place], color=colour, marker=MARKS[outcome.verdict], markersize=8)
    axes.plot([100 * outcome.aim], [place], color=INK, marker="|", markersize=16, markeredgewidth=1.6)
