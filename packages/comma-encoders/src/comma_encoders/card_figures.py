"""The figures of a card: a table for each task, a column for each metric, and the files that they are from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MEASURED = ("metric", "value", "low", "high", "n")
"""What a row has beside its labels."""
TASK = "task"

Row = Mapping[str, Any]


def figures(rows: Sequence[Row], results: Sequence[Mapping[str, Any]] = ()) -> str:
    """Figures with their 95 % intervals, as the maker gave them.

    Args:
        rows: of the form of a committed result.
        results: what is known of the files that they were read from: `file`, `sha256`, and other facts.
    """
    if not rows:
        return "None are stated: how well it does is unknown."
    tasks = list(dict.fromkeys(row.get(TASK) for row in rows))
    parts = [part for task in tasks for part in _task(task, [row for row in rows if row.get(TASK) == task])]
    told = "In brackets the 95 % interval; n is what the figure is a mean over."
    return "\n\n".join([told, *parts, *_origin(results)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; what would end a cell, or begin an element of HTML, is escaped."""
    escaped = [
        [" ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;") for cell in row] for row in [head, *rows]
    ]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _task(task: Any, rows: Sequence[Row]) -> Iterable[str]:
    """Heading and table of one task: a line for equal labels and n."""
    if task is not None:
        yield f"### {' '.join(str(task).split())}"
    labels = list(dict.fromkeys(key for row in rows for key in row if key not in (*MEASURED, TASK)))
    metrics = list(dict.fromkeys(str(row.get("metric")) for row in rows))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        key = (*(_cell(row.get(label)) for label in labels), _cell(row.get("n")))
        lines.setdefault(key, {})[str(row.get("metric"))] = _value(row)
    body = [[*key[:-1], *(cells.get(metric, "") for metric in metrics), key[-1]] for key, cells in lines.items()]
    yield table((*labels, *metrics, "n"), body)


def _origin(results: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """The files, one a line, each with all that it says of itself."""
    lines = [f"- {', '.join(f'{key} {value}' for key, value in result.items())}" for result in results]
    if lines:
        yield "From:"
        yield "\n".join(lines)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _value(row: Row) -> str:
    value, low, high = (row.get(key) for key in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return "unknown"
    interval = f" ({low:.4g} to {high:.4g})" if isinstance(low, int | float) and isinstance(high, int | float) else ""
    return f"{value:.4g}{interval}"
