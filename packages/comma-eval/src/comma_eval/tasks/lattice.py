"""What do the words, the pattern, the image or the formula of an unseen material say about the size of its cell?

Asked are the lattice constants of the standardised conventional cell, and the volume per atom, which needs no
convention. They are never asked of the structure: they are part of what its encoder is given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from comma_data.sample import Sample

from comma_eval import heads
from comma_eval.baselines import refuse_taken
from comma_eval.baselines.formulas import composition
from comma_eval.baselines.properties import baselines
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.probe import probe
from comma_eval.regression import numbers
from comma_eval.task import Embedder, Item, Needs, Prediction, Predictor, Report, Row
from comma_eval.tasks.answers import figures, items
from comma_eval.tasks.cell import TARGETS, conventionals
from comma_eval.tasks.predicting import Asked, predictions, shown, taught, told

SOURCES = ("text", "xrd", "image", "composition")
METRICS = ("MAE", "MAPE", "coverage", "width")

Readings = Mapping[str, Predictor]
"""Modality -> a predictor that reads it."""
Answers = tuple[str, Mapping[str, Prediction], Mapping[str, Prediction], Asked]
"""Target, what the models say of it, what the baselines say, and the truth."""


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Predict the size of the cell from each of some modalities, apart."""

    sources: tuple[str, ...] = SOURCES
    """Modalities that are asked, as far as the samples have them and the model embeds them."""
    head: str = "ridge"
    """What is fitted on a model's vectors: `ridge`, `knn`, `forest` or `mlp`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        heads.check(self.head)
        if "structure" in self.sources:
            raise UsageError(
                "lattice constants are part of the structure, so its encoder is given what it would be asked for: "
                f"ask another modality ({', '.join(SOURCES)})"
            )
        if not self.sources or set(self.sources) - set(SOURCES):
            raise UsageError(f"unknown modality in {', '.join(self.sources) or 'nothing'}; known: {', '.join(SOURCES)}")

    @property
    def needs(self) -> Needs:
        """The structure, for the truth; and the modality, where one is asked."""
        asked = frozenset({"structure", *(self.sources if len(self.sources) == 1 else ())})
        return Needs(train=asked, test=asked)

    def model_of(self, embedder: Embedder) -> Readings:
        """A probe on the frozen vectors of each modality."""
        return {source: probe(embedder, (source,), self.head) for source in self.sources}

    def run(self, models: Mapping[str, Readings], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Score the models and the baselines from every modality that samples have.

        Args:
            models: name -> a predictor for each modality.
            train: samples of the training folds, with their structure.
            test: samples of the held-out fold, with theirs.

        Raises:
            EmptyTaskError: no sample has a cell and one of the modalities, or too few to learn from.
            NotEmbeddedError: a model embeds none of them.
            UsageError: a model is called as a baseline is.
        """
        known, held = self._sized(told(train)), self._sized(told(test))
        sources = [s for s in self.sources if all(any(s in x.fields for x in side) for side in (known, held))]
        if not sources:
            raise EmptyTaskError(
                f"no structure with a conventional cell has {' or '.join(self.sources)} beside it on both sides "
                f"({len(train)} training samples, {len(test)} held-out ones): choose another --from, or build a data "
                "set that joins the two"
            )
        rows: list[Row] = []
        kept: list[Item] = []
        for source in sources:
            for target, ours, theirs, asked in _answers(source, models, known, held):
                labels = {"from": source, "target": target}
                rows += figures(labels, ours, theirs, asked, METRICS)
                kept += items(labels, {**theirs, **ours}, asked)
        facts = {"head": self.head, **_scored(models, rows, sources)}
        return Report(task="lattice", rows=tuple(rows), facts=facts, items=tuple(kept))

    def _sized(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples that have a modality and a cell, with the cell's numbers as their targets."""
        asked = [sample for sample in samples if sample.fields.keys() & set(self.sources)]
        cells = conventionals([sample.fields["structure"][0] for sample in asked])
        pairs = zip(asked, cells, strict=True)
        return sorted((replace(s, targets=dict(cell)) for s, cell in pairs if cell), key=lambda sample: sample.id)


def _answers(
    source: str, models: Mapping[str, Readings], train: Sequence[Sample], test: Sequence[Sample]
) -> Iterator[Answers]:
    """For each target what everybody says who reads a modality, learnt from the same samples.

    Nothing, where there are models and none of them reads it.
    """
    train, test = ([sample for sample in side if source in sample.fields] for side in (train, test))
    known, plain = (taught([see(sample, source) for sample in train], TARGETS) for see in (_source, _bookkeeping))
    asked, plainly = (_asked(test, [see(sample, source) for sample in test]) for see in (_source, _bookkeeping))
    lines, readers = baselines(plain), _readers(source, models, known)
    refuse_taken(models, lines)
    for target in TARGETS if readers or not models else ():
        truth = numbers(test, target)
        ours = predictions(readers, known, replace(asked, truth=truth), target)
        theirs = predictions(lines, plain, replace(plainly, truth=truth), target)
        yield target, ours, theirs, replace(asked, truth=truth)


def _source(sample: Sample, source: str) -> Sample:
    """What a model sees: the values of one modality. A composition as fractions, whatever the number of atoms."""
    values = (_fractions(sample),) if source == "composition" else sample.fields[source]
    return replace(sample, fields={source: values})


def _bookkeeping(sample: Sample, source: str) -> Sample:
    """What a baseline sees: the composition, and the words where the model reads words."""
    told = {"text": sample.fields["text"]} if source == "text" else {}
    return replace(sample, fields={"composition": (_fractions(sample),), **told})


def _fractions(sample: Sample) -> Mapping[str, float]:
    amounts = composition(sample)
    total = sum(amounts.values())
    return {element: amount / total for element, amount in amounts.items()}


def _asked(samples: Sequence[Sample], seen: Sequence[Sample]) -> Asked:
    return Asked(
        samples=shown(seen),
        ids=tuple(sample.id for sample in samples),
        groups=tuple(sample.groups["formula"] for sample in samples),
        truth=np.zeros(len(samples)),
    )


def _readers(source: str, models: Mapping[str, Readings], train: Sequence[Sample]) -> dict[str, Predictor]:
    """The models that read a modality, which a probe only knows when it tries."""
    found = {}
    for name, readings in models.items():
        if source not in readings:
            continue
        try:
            readings[source].fit(train, TARGETS[0])
        except NotEmbeddedError:
            continue
        found[name] = readings[source]
    return found


def _scored(models: Mapping[str, Readings], rows: Sequence[Row], asked: Sequence[str]) -> dict[str, str]:
    """From which modalities each model was scored.

    Raises:
        NotEmbeddedError: from none.
    """
    scored = {}
    for name in models:
        sources = dict.fromkeys(row.labels["from"] for row in rows if row.labels.get("model") == name)
        if not sources:
            raise NotEmbeddedError(f"{name} embeds none of what it was asked to read: {', '.join(asked)}")
        scored[f"{name} read"] = ", ".join(sources)
    return scored
