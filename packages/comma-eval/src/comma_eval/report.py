"""A report as tables: on a terminal and in Markdown. Both are drawn from the same cells."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from comma_eval.task import Report, Row

MODEL = "model"
AGAINST = "against"
TRUTH = "truth"
"""Label of a row that says how much of a class was taken for the class that is its metric."""
WHO = (MODEL, AGAINST, TRUTH)
WORDS = (*WHO, "question", "metric", "made", "protocol", "source")
"""Columns of words, which stand to the left."""
FIGURE = re.compile(r"[+-]?\d|$")
"""How a figure begins, or a cell where there is none."""
SELF_EVIDENT = ("direction", "target", "task")
"""Labels whose value says what it is."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """One table as text: a model a line, a metric a column."""

    title: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def belongs(answer: str, model: str) -> bool:
    """Whether an answer is a model's: tasks add words to its name, as in `m: image`, `m + ridge` or `m, imputed`."""
    return answer == model or answer.startswith((f"{model}: ", f"{model} + ", f"{model}, "))


def grids(report: Report) -> tuple[Grid, ...]:
    """Tables of each question: the figures, what the models have over the baselines, and what was taken for what."""
    questions: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for row in report.rows:
        questions.setdefault(tuple(question(row.labels).items()), []).append(row)
    return tuple(grid for labels, rows in questions.items() for grid in _question(dict(labels), rows))


def numeric(grid: Grid) -> tuple[bool, ...]:
    """Whether each column holds figures, which stand to the right: no column of words, every cell like a number."""
    columns = zip(*grid.lines, strict=True) if grid.lines else ((),) * len(grid.header)
    return tuple(
        name not in WORDS and all(FIGURE.match(text) for text in column)
        for name, column in zip(grid.header, columns, strict=True)
    )


def question(labels: Mapping[str, str]) -> dict[str, str]:
    """What was asked: the labels without those that say who answered."""
    return {name: value for name, value in labels.items() if name not in WHO}


def tables(report: Report) -> tuple[Table, ...]:
    """For a terminal."""
    return tuple(table(grid) for grid in grids(report))


def markdown(report: Report) -> str:
    """For a README or an issue."""
    return "\n\n".join(markdown_of(grid) for grid in grids(report)) + "\n"


SMALL = 0.01
"""Where value and interval are below this, three decimals tell hardly anything: three digits do."""


def cell(row: Row) -> str:
    """`0.786 (0.757 to 0.814)`; the value alone where there is no interval or none worth printing."""
    if row.low is None or row.high is None:
        if row.value.is_integer():
            return f"{row.value:.0f}"
        return f"{row.value:.3g}" if abs(row.value) < SMALL else _short(row.value)
    small = 0 < max(map(abs, (row.value, row.low, row.high))) < SMALL
    value, low, high = (f"{one:.3g}" if small else _short(one) for one in (row.value, row.low, row.high))
    if low != high:
        return f"{value} ({low} to {high})"
    return value if small else f"{row.value:.4f}"


def _short(value: float) -> str:
    """Three decimals, zero without a sign."""
    return f"{round(value, 3) + 0.0:.3f}"


def _question(labels: Mapping[str, str], rows: Sequence[Row]) -> Iterator[Grid]:
    sizes = ", ".join(f"{row.metric} {row.value:.0f}" for row in rows if MODEL not in row.labels)
    figures = [row for row in rows if MODEL in row.labels and not {AGAINST, TRUTH} & row.labels.keys()]
    gains = [row for row in rows if AGAINST in row.labels]
    title = ", ".join(value if name in SELF_EVIDENT else f"{name} {value}" for name, value in labels.items())
    yield _grid(f"{title}: {sizes}" if sizes else title, figures, (MODEL,))
    if gains:
        yield _grid(f"{title}: gained over", gains, (MODEL, AGAINST))
    for model in dict.fromkeys(row.labels[MODEL] for row in rows if TRUTH in row.labels):
        shares = [row for row in rows if TRUTH in row.labels and row.labels[MODEL] == model]
        yield _grid(f"{title}: taken for what by {model}", shares, (TRUTH,))


def _grid(title: str, rows: Sequence[Row], keys: tuple[str, ...]) -> Grid:
    """One line for each combination of the keyed labels, one column for each metric."""
    metrics = tuple(dict.fromkeys(row.metric for row in rows))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        lines.setdefault(tuple(row.labels[key] for key in keys), {})[row.metric] = cell(row)
    return Grid(
        title=title, header=keys + metrics, lines=tuple(_line(key, cells, metrics) for key, cells in lines.items())
    )


def _line(key: tuple[str, ...], cells: Mapping[str, str], metrics: Sequence[str]) -> tuple[str, ...]:
    return key + tuple(cells.get(metric, "") for metric in metrics)


def table(grid: Grid) -> Table:
    """For a terminal; figures stand to the right."""
    drawn = Table(title=Text(grid.title), title_justify="left", box=box.SIMPLE)
    for number, (name, right) in enumerate(zip(grid.header, numeric(grid), strict=True)):
        drawn.add_column(Text(name), justify="right" if right else "left", no_wrap=number == 0)
    for line in grid.lines:
        drawn.add_row(*map(Text, line))
    return drawn


def markdown_of(grid: Grid) -> str:
    """One table in Markdown."""
    rule = tuple("---:" if right else "---" for right in numeric(grid))
    lines = ([_plain(text) for text in line] for line in (grid.header, rule, *grid.lines))
    return "\n".join([f"**{_plain(grid.title)}**", "", *("| " + " | ".join(line) + " |" for line in lines)])


def _plain(text: str) -> str:
    """A text that neither ends its cell nor begins an element of HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
