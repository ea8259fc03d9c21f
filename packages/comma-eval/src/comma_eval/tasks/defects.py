"""Which defect does a micrograph show?

A head is fitted on frozen vectors of the image, of the structure, or of both one behind the other. On simulated sets
the hosts and the conditions of the images are both held out, and the structure is that of the pristine host, so that it
tells what the crystal looks like and never what is wrong with it. On measured sets frames are held out within a host.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from comma_data.sample import Sample

from comma_eval.defects import audit, lines, measured, simulated, table
from comma_eval.defects.answers import answers
from comma_eval.defects.exam import Exam
from comma_eval.defects.lines import BRIGHTNESS, STRUCTURE
from comma_eval.defects.scores import interval, majority, within
from comma_eval.defects.table import ALL, Asked
from comma_eval.errors import UsageError
from comma_eval.task import Embedder, Item, Needs, Report, Row

SETS = ("simulated", "measured")
SHOTS = (5, 20, 100)


@dataclass(frozen=True, kw_only=True)
class Defects:
    """Classes of defects, from few labels and from all."""

    which: str = "simulated"
    """`simulated`, or `measured`."""
    shots: tuple[int, ...] = SHOTS
    """Labels of a class that heads learn from, beside all."""

    def __post_init__(self) -> None:
        """Refuse a set or a number of labels that cannot be."""
        if self.which not in SETS:
            raise UsageError(f"unknown set {self.which!r}; known: {', '.join(SETS)}")
        if any(shots < 1 for shots in self.shots) or len(set(self.shots)) < len(self.shots):
            raise UsageError(f"shots {self.shots}: give different numbers of labels a class, 1 or more")

    @property
    def needs(self) -> Needs:
        """Simulated images with their host on both sides; every measured image, as frames are held out within hosts."""
        if self.which == "simulated":
            both = frozenset({"image", "structure"})
            return Needs(train=both, test=both, indexed=simulated.indexed, keep=simulated.wanted, untrained=True)
        image = frozenset({"image"})
        return Needs(train=None, test=image, keep=measured.wanted, untrained=True, leave_out_seen=True)

    def model_of(self, embedder: Embedder) -> Embedder:
        """Its vectors are asked, frozen."""
        return embedder

    def run(self, models: Mapping[str, Embedder], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Score every model and the baselines, each through the same head.

        Args:
            models: name -> embedder; a second one with random weights shows what training gave.
            train: what heads learn from on the simulated set; not used on the measured one.
            test: samples of held-out hosts, or all measured images.

        Raises:
            EmptyTaskError: there are no such images; the message says what makes them.
            LeakError: something tells the class that may not.
            UsageError: a model does not embed images, or is called as a baseline is.
        """
        exams = (simulated.exam(train, test),) if self.which == "simulated" else measured.exams(test)
        rows: list[Row] = []
        items: list[Item] = []
        facts: dict[str, str] = {} if self.which == "simulated" else {"test fold": "none", "part": "frames, in turn"}
        for exam in exams:
            for asked in self._asked(exam, models):
                rows += table.rows(asked)
                rows += table.confusion(asked) if asked.shots is None else ()
                items += table.items(asked)
            facts |= exam.facts
        return Report(task="defects", rows=tuple(rows), items=tuple(items), facts=facts)

    def _asked(self, exam: Exam, models: Mapping[str, Embedder]) -> Iterator[Asked]:
        """All labels first: what they show of a leak ends the run."""
        structures = self.which == "simulated"
        every = (
            *lines.baselines(exam.samples, structures=structures),
            *lines.of_models(models, exam.samples, structures=structures),
        )
        for shots in (None, *sorted(self.shots, reverse=True)):
            said = [answers(exam, line.vectors, shots) for line in every]
            for cell, items in exam.cells.items():
                told = {**exam.labels, **dict(cell), "labels": ALL if shots is None else str(shots)}
                asked = Asked(exam=exam, labels=told, items=items, shots=shots, lines=every, said=said)
                if structures:
                    refuse_leaks(asked)
                yield asked


def refuse_leaks(asked: Asked) -> None:
    """On a simulated set neither structure nor brightness may tell the class.

    Raises:
        LeakError: one of them does.
    """
    tallies = asked.tallies
    for line in asked.lines:
        found = tallies[line.name]
        if line.reads == STRUCTURE:
            audit.refuse_above_majority(line.name, interval(within, found).value, majority(found))
        elif line.name == BRIGHTNESS:
            audit.refuse_telling_brightness(interval(within, found), majority(found))
