"""Which class is taken for which."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from comma_eval.page.drawing import Picture, canvas, shortened, to_svg
from comma_eval.page.rows import named
from comma_eval.report import MODEL, TRUTH, Grid, question
from comma_eval.task import Report, Row

Shares = dict[str, dict[str, float]]
"""True class -> class that it was taken for -> share."""


def shares(rows: Sequence[Row]) -> dict[tuple[str, str], Shares]:
    """(question, model) -> shares, from rows with the label `truth`."""
    found: dict[tuple[str, str], Shares] = {}
    for row in rows:
        if TRUTH in row.labels:
            rest = {name: value for name, value in question(row.labels).items() if name != TRUTH}
            of_model = found.setdefault((named(rest), row.labels.get(MODEL, "")), {})
            of_model.setdefault(row.labels[TRUTH], {})[row.metric] = row.value
    return found


def confusions(rows: Sequence[Row]) -> list[Picture]:
    """A matrix for each question and model."""
    return [_matrix(_title(name, model), found) for (name, model), found in shares(rows).items()]


def without(report: Report) -> Report:
    """The report without these rows, which are no table of models and metrics."""
    return replace(report, rows=tuple(row for row in report.rows if TRUTH not in row.labels))


def confusion_grids(rows: Sequence[Row]) -> list[Grid]:
    """All of them as tables: true classes down, in per cent what they were taken for across."""
    return [_grid(_title(name, model), found) for (name, model), found in shares(rows).items()]


def _grid(title: str, found: Shares) -> Grid:
    classes = _classes(found)
    lines = ((truth, *(f"{100 * of.get(told, 0.0):.0f}" for told in classes)) for truth, of in found.items())
    return Grid(title=f"{title} (%)", header=("true", *(f"told {name}" for name in classes)), lines=tuple(lines))


def _classes(found: Shares) -> list[str]:
    """True classes in their order, then what else was told."""
    return list(dict.fromkeys([*found, *(told for of in found.values() for told in of)]))


def _title(name: str, model: str) -> str:
    return f"What is taken for what: {model}, {name}" if name else f"What is taken for what: {model}"


def _matrix(title: str, found: Shares) -> Picture:
    truths, classes = list(found), _classes(found)
    table = np.array([[found[truth].get(told, 0.0) for told in classes] for truth in truths])
    words = "; ".join(
        f"{truth}: " + ", ".join(f"{told} {share:.0%}" for told, share in found[truth].items() if share > 0)
        for truth in truths
    )
    with canvas(1.9 + 0.36 * len(truths)) as (figure, axes):
        axes.pcolormesh(table, cmap="cividis", vmin=0, vmax=1, edgecolors="none")
        axes.set_xticks(np.arange(len(classes)) + 0.5, _short(classes), rotation=40, ha="right")
        axes.set_yticks(np.arange(len(truths)) + 0.5, _short(truths))
        axes.invert_yaxis()
        axes.set(xlabel="predicted", ylabel="true")
        axes.tick_params(length=0)
        for i, j in np.argwhere(table > 0):
            ink = "#000000" if table[i, j] > 0.5 else "#ffffff"
            axes.text(j + 0.5, i + 0.5, f"{100 * table[i, j]:.0f}", ha="center", va="center", color=ink, fontsize=9)
        return Picture(heading=title, svg=to_svg(figure, title, words), note="Per cent of each true class.")


def _short(names: Sequence[str]) -> list[str]:
    return [shortened(name, 18) for name in names]
