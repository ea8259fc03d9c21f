"""Which class is taken for which."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from comma_eval.page.drawing import Picture, canvas, shortened, to_svg
from comma_eval.page.rows import CLASSES, named
from comma_eval.report import MODEL, Grid, question
from comma_eval.task import Report, Row

Counts = dict[tuple[str, str], float]
"""(true class, told class) -> how often."""


def counted(rows: Sequence[Row]) -> dict[tuple[str, str], Counts]:
    """(question, model) -> counts, from rows with the labels `truth` and `predicted`."""
    found: dict[tuple[str, str], Counts] = {}
    for row in rows:
        if set(CLASSES) <= row.labels.keys():
            rest = {name: value for name, value in question(row.labels).items() if name not in CLASSES}
            counts = found.setdefault((named(rest), row.labels.get(MODEL, "")), {})
            key = (row.labels["truth"], row.labels["predicted"])
            counts[key] = counts.get(key, 0.0) + row.value
    return found


def confusions(rows: Sequence[Row]) -> list[Picture]:
    """A matrix for each question and model."""
    return [_matrix(name, model, counts) for (name, model), counts in counted(rows).items()]


def without(report: Report) -> Report:
    """The report without these counts, which are no table of models and metrics."""
    return replace(report, rows=tuple(row for row in report.rows if not set(CLASSES) <= row.labels.keys()))


def counts_grid(title: str, counts: Counts) -> Grid:
    """The counts as a table: true classes down, told classes across."""
    classes = _classes(counts)
    lines = ((truth, *(f"{counts.get((truth, told), 0.0):.0f}" for told in classes)) for truth in classes)
    return Grid(title=title, header=("true", *(f"told {name}" for name in classes)), lines=tuple(lines))


def confusion_grids(rows: Sequence[Row]) -> list[Grid]:
    """All of them as tables."""
    return [counts_grid(_title(name, model), counts) for (name, model), counts in counted(rows).items()]


def _classes(counts: Counts) -> list[str]:
    return sorted({label for pair in counts for label in pair})


def _title(name: str, model: str) -> str:
    return f"What is taken for what: {model}, {name}" if name else f"What is taken for what: {model}"


def _matrix(name: str, model: str, counts: Counts) -> Picture:
    classes = _classes(counts)
    table = np.array([[counts.get((truth, told), 0.0) for told in classes] for truth in classes])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
    title = _title(name, model)
    words = "; ".join(
        f"{truth}: " + ", ".join(f"{told} {shares[i, j]:.0%}" for j, told in enumerate(classes) if shares[i, j] > 0)
        for i, truth in enumerate(classes)
    )
    with canvas(1.9 + 0.36 * len(classes)) as (figure, axes):
        axes.pcolormesh(shares, cmap="cividis", vmin=0, vmax=1, edgecolors="none")
        names = [shortened(label, 18) for label in classes]
        ticks = np.arange(len(classes)) + 0.5
        axes.set_xticks(ticks, names, rotation=40, ha="right")
        axes.set_yticks(ticks, names)
        axes.invert_yaxis()
        axes.set(xlabel="predicted", ylabel="true")
        axes.tick_params(length=0)
        for i, j in np.argwhere(table > 0):
            ink = "#000000" if shares[i, j] > 0.5 else "#ffffff"
            axes.text(j + 0.5, i + 0.5, f"{100 * shares[i, j]:.0f}", ha="center", va="center", color=ink, fontsize=9)
        return Picture(heading=title, svg=to_svg(figure, title, words), note="Per cent of each true class.")
