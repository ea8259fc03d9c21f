"""How good each model is at one question: bars with intervals, and chance as a line."""

from matplotlib.axes import Axes

from comma_eval.page.drawing import ACCENT, INK, LINE, MUTED, SOFT, Picture, canvas, shortened, to_svg
from comma_eval.page.rows import CHANCE, Question
from comma_eval.report import MODEL, cell
from comma_eval.task import Row

ROOM = 0.27
"""Inches of height for each bar."""


def bars(question: Question, ours: frozenset[str]) -> Picture | None:
    """A bar for each model, in the order of the report; nothing where no metric stands for the question.

    Args:
        question: with its rows.
        ours: names of the models that are under test; the others are what they have to beat.
    """
    metric = question.headline
    if metric is None:
        return None
    rows = question.of(metric)
    chance = next((row for row in rows if row.labels[MODEL] == CHANCE), None)
    shown = [row for row in rows if row is not chance]
    if not shown:
        return None
    title = f"{metric}: {question.name}"
    words = "; ".join(f"{row.labels[MODEL]} {cell(row)}" for row in rows)
    with canvas(0.75 + ROOM * len(shown)) as (figure, axes):
        _draw(axes, shown, ours)
        if chance:
            axes.axvline(chance.value, color=SOFT, linestyle=(0, (2, 2)), linewidth=1.2)
        largest = max(row.high if row.high is not None else row.value for row in rows)
        share = metric.startswith(("R@", "acc", "macro"))
        axes.set(xlabel=metric, xlim=(0, 1 if share else largest * 1.12 or 1))
        svg = to_svg(figure, title, words)
    groups = {row.n for row in shown}
    note = f"Whiskers: 95 % interval over {shown[0].n:,} groups." if len(groups) == 1 else "Whiskers: 95 % interval."
    if chance:
        note += f" Dashed line: chance, {chance.value:.3g}."
    return Picture(heading=title, svg=svg, note=note)


def _draw(axes: Axes, rows: list[Row], ours: frozenset[str]) -> None:
    places = range(len(rows))
    colours = [ACCENT if row.labels[MODEL] in ours else MUTED for row in rows]
    axes.barh(places, [row.value for row in rows], color=colours, height=0.66)
    for place, row in zip(places, rows, strict=True):
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place, place], color=INK, linewidth=1.3)
    axes.set_yticks(places, [shortened(row.labels[MODEL]) for row in rows])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
