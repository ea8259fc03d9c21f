"""Rows of a report as figures need them: by question, by model, along a number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from comma_eval.report import AGAINST, MODEL, SELF_EVIDENT, TRUTH, WHO, question
from comma_eval.task import Row

CHANCE = "chance"
"""Name of the line that knows nothing."""
HEADLINES = ("R@1", "accuracy", "macro F1", "RMSE", "MAE")
"""Metrics that stand for a question in a figure of bars; the first that it has."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """All figures of one question, without differences and sizes."""

    labels: Mapping[str, str]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """As a heading."""
        return named(self.labels)

    def of(self, metric: str) -> tuple[Row, ...]:
        """Rows of one metric, a model each."""
        return tuple(row for row in self.rows if row.metric == metric)

    @property
    def headline(self) -> str | None:
        """The metric that stands for it."""
        there = {row.metric for row in self.rows}
        return next((metric for metric in HEADLINES if metric in there), None)


def named(labels: Mapping[str, str]) -> str:
    """Labels as words: what says itself alone, the others behind their name."""
    return ", ".join(value if name in SELF_EVIDENT else f"{name} {value}" for name, value in labels.items())


def questions(rows: Iterable[Row]) -> list[Question]:
    """The figures by question, in their order."""
    found: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for row in rows:
        if MODEL in row.labels and not {AGAINST, TRUTH} & row.labels.keys():
            found.setdefault(tuple(question(row.labels).items()), []).append(row)
    return [Question(labels=dict(key), rows=tuple(of)) for key, of in found.items()]


def number(text: str) -> float | None:
    """The number that a label is, if it is one; `30%` is 30."""
    try:
        return float(text.replace(",", "").removesuffix("%"))
    except ValueError:
        return None


def counted(rows: Sequence[Row]) -> list[str]:
    """Labels along which a curve can be drawn: every value is a number, and one question has several of them."""
    names = dict.fromkeys(name for row in rows for name in row.labels if name not in WHO)
    found = []
    for name in names:
        values = [number(row.labels[name]) for row in rows if name in row.labels]
        if None in values:
            continue
        others: dict[tuple[tuple[str, str], ...], set[str]] = {}
        for row in rows:
            if name in row.labels:
                rest = tuple((k, v) for k, v in row.labels.items() if k != name)
                others.setdefault((*rest, ("", row.metric)), set()).add(row.labels[name])
        if any(len(several) > 1 for several in others.values()):
            found.append(name)
    return found
