"""Rows and items of a report from what the lines answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from comma_eval.defects.answers import Answers, fewest
from comma_eval.defects.exam import Exam, Indices
from comma_eval.defects.lines import BOTH, BRIGHTNESS, IMAGE, RESIDUAL, Line
from comma_eval.defects.scores import (
    MEASURED,
    SIMULATED,
    WITHIN,
    Statistic,
    Tally,
    difference,
    interval,
    majority,
    tally,
)
from comma_eval.metrics import row
from comma_eval.task import Item, Row
from comma_eval.untrained import RANDOM

ALL = "all"
CEILING = "majority of each host"
"""The best that a line without images could be within hosts: always the host's most frequent class."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One cell of an exam at one number of labels, answered by every line."""

    exam: Exam
    labels: Mapping[str, str]
    items: Indices
    shots: int | None
    lines: Sequence[Line]
    said: Sequence[Answers]
    """Of each line."""

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """Line -> its answers, counted."""
        return {line.name: tally(self.exam, said, self.items) for line, said in zip(self.lines, self.said, strict=True)}

    @property
    def statistics(self) -> Mapping[str, Statistic]:
        """What is told of it; only a set with several hosts has an accuracy within the host."""
        return SIMULATED if self.exam.labels["set"] == "simulated" else MEASURED


def rows(asked: Asked) -> Iterator[Row]:
    """Sizes, the figures of every line, and what models have over the lines that they have to beat."""
    tallies = asked.tallies
    groups = len(next(iter(tallies.values())).counts)
    sizes = {"images": len(asked.items), asked.exam.unit: groups, "fewest labels": fewest(asked.exam, asked.shots)}
    for metric, size in sizes.items():
        yield Row(labels=asked.labels, metric=metric, value=float(size), low=None, high=None, n=groups)
    if WITHIN in asked.statistics:
        best = {**asked.labels, "model": CEILING}
        yield Row(
            labels=best, metric=WITHIN, value=majority(next(iter(tallies.values()))), low=None, high=None, n=groups
        )
    for name, found in tallies.items():
        for metric, statistic in asked.statistics.items():
            yield row({**asked.labels, "model": name}, metric, interval(statistic, found))
    for line, other in _pairs(asked.lines):
        for metric, statistic in asked.statistics.items():
            gained = difference(statistic, tallies[line.name], tallies[other.name])
            yield row({**asked.labels, "model": line.name, "against": other.name}, metric, gained)


def confusion(asked: Asked) -> Iterator[Row]:
    """Share of each true class that was taken for each class, by the lines of the first model that see images.

    Without a model, by the strongest of the baselines that see them alone.
    """
    first = next((line.model for line in asked.lines if line.model), None)
    shown = [line for line in asked.lines if IMAGE in line.reads and line.model == first]
    shown = shown if first else [line for line in shown if line.name == RESIDUAL]
    tallies = asked.tallies
    for line in shown:
        counts = tallies[line.name].confusion
        for truth, of_class in zip(asked.exam.classes, counts, strict=True):
            labels = {**asked.labels, "model": line.name, "truth": truth}
            for said, count in zip(asked.exam.classes, of_class, strict=True):
                share = float(count / of_class.sum()) if of_class.sum() else 0.0
                yield Row(labels=labels, metric=said, value=share, low=None, high=None, n=round(float(of_class.sum())))


def items(asked: Asked) -> Iterator[Item]:
    """Share of the draws in which each line was right about each item."""
    for line, said in zip(asked.lines, asked.said, strict=True):
        labels = {**asked.labels, "model": line.name}
        for number in asked.items.tolist():
            value = float(said[number, asked.exam.truth[number]])
            exam = asked.exam
            yield Item(
                labels=labels, item=exam.samples[number].id, group=exam.groups[number], metric="correct", value=value
            )


def _pairs(lines: Sequence[Line]) -> Iterator[tuple[Line, Line]]:
    """Lines of trained models that see images, each beside every line that it has to beat."""
    trained = [line for line in lines if line.model and IMAGE in line.reads and not line.model.endswith(RANDOM)]
    for line in trained:
        yield from ((line, other) for other in lines if _has_to_beat(line, other))


def _has_to_beat(line: Line, other: Line) -> bool:
    """The strongest baselines of what the line reads; both against the image alone; the same with random weights."""
    if other.model is None:
        return other.name in {BRIGHTNESS, RESIDUAL} or (other.reads == BOTH and line.reads == BOTH)
    if other.model == line.model:
        return line.reads == BOTH and other.reads == IMAGE
    return other.model == f"{line.model}{RANDOM}" and other.reads == line.reads
