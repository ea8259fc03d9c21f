"""What the suite prints."""

from collections.abc import Sequence
from statistics import median

from benchmarks.suite.compare import ALLOWED, Verdict
from benchmarks.suite.measure import Measurement, interval

HEAD = ("row", "comma", "peer", "", "ratio", "95 %", "committed", "")
RIGHT = {1, 2, 4, 6}
"""Columns of numbers."""


def table(measurements: Sequence[Measurement], verdicts: Sequence[Verdict]) -> str:
    """The ratios, what they are made of, and what each row is."""
    known = {verdict.name: verdict for verdict in verdicts}
    lines = [HEAD, *(_line(m, known[m.name]) for m in measurements)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    text = ["  ".join(_aligned(cell, i, widths[i]) for i, cell in enumerate(line)).rstrip() for line in lines]
    return "\n".join([*text, "", *_notes(measurements, verdicts)])


def _line(measurement: Measurement, verdict: Verdict) -> tuple[str, ...]:
    costs = measurement.costs
    low, high = interval(costs.ratios)
    return (
        measurement.name,
        _number(measurement.shown(costs.comma)),
        _number(measurement.shown(costs.peer)),
        measurement.metric,
        _number(median(costs.ratios)),
        "" if low is None or high is None else f"{_number(low)} to {_number(high)}",
        "" if verdict.committed is None else _number(verdict.committed),
        "too slow" if verdict.too_slow else f"goal {measurement.goal}" if measurement.goal else "",
    )


def _notes(measurements: Sequence[Measurement], verdicts: Sequence[Verdict]) -> list[str]:
    # time and memory of one piece of work share a note, under the first one's name
    first = {(m.sizes, m.peer): m.name for m in reversed(measurements)}
    notes = [f"{name}: {sizes}; peer: {peer}" for (sizes, peer), name in reversed(first.items())]
    notes.append("Ratio: median over pairs of peer / comma in cost; larger is better. comma and peer: medians.")
    notes.append(f"Too slow: a ratio below {ALLOWED:g} of the committed one.")
    absent = [v.name for v in verdicts if v.ratio is None]
    if absent:
        notes.append(f"Committed, and not measured in this run: {'; '.join(absent)}.")
    if all(v.committed is None for v in verdicts):
        notes.append("No committed result to compare with.")
    return notes


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _aligned(cell: str, column: int, width: int) -> str:
    return cell.rjust(width) if column in RIGHT else cell.ljust(width)
