"""What was claimed beforehand, and what came of it: gains with intervals beside what was aimed at."""

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
        for place, outcome in enumerate(shown):
            _line(axes, place, outcome)
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(shown)), [f"{outcomes.index(o) + 1}." for o in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set(xlabel="better than the line, %")
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        note = "Numbers as above. Points: relative gain; lines: 95 % interval; upright marks: the aim."
        return Picture(heading=title, svg=to_svg(figure, title, words), note=note)


def gain(outcome: Outcome) -> str:
    """`+12 % (3 % to 21 %), aim 20 %`."""
    found = outcome.gain
    aim = f"aim {outcome.aim:.0%}" if outcome.aim else "aim: any gain"
    if found is None:
        return f"no relative gain, since {outcome.against} is at 0; {aim}"
    return f"{found.value:+.1%} ({found.low:+.1%} to {found.high:+.1%}), {aim}"


def _line(axes: Axes, place: int, outcome: Outcome) -> None:
    found, colour = outcome.gain, COLOURS[outcome.verdict]
    if found is None:
        return
    axes.plot([100 * found.low, 100 * found.high], [place, place], color=colour, linewidth=2)
    axes.plot([100 * found.value], [place], color=colour, marker=MARKS[outcome.verdict], markersize=8)
    axes.plot([100 * outcome.aim], [place], color=INK, marker="|", markersize=16, markeredgewidth=1.6)
