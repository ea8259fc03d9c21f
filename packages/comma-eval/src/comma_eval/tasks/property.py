"""How well is a property of an unseen material predicted, with many labels and with few?

Frozen vectors of a model are read by a small head; beside it stand the mean, and heads that read the composition alone.
A formula tells a large part of most properties, so a model that does not beat the composition shows no use of its
structure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from comma_data.nearest import did_you_mean
from comma_data.sample import Sample
from comma_data.split import in_label_order
from comma_encoders.modality import names

from comma_eval import heads
from comma_eval.baselines import refuse_taken
from comma_eval.baselines.properties import baselines
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.probe import probe
from comma_eval.regression import numbers
from comma_eval.task import Embedder, Item, Needs, Prediction, Predictor, Report, Row
from comma_eval.tasks import answers
from comma_eval.tasks.predicting import Asked, predictions, shown, taught, told

METRICS = ("RMSE", "MAE", "Spearman", "R2", "coverage", "width")
ZERO = "is-zero F1"
"""Of the class of exact zeros: for a band gap, is it a metal."""

ALL = "all"
"""Instead of the number of labels where all are learnt from, which is another number in each fold."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """Predict one number of each held-out sample."""

    target: str
    """Key of `Sample.targets`."""
    modalities: tuple[str, ...] = ("structure",)
    """Whose vectors a model's probe reads; several are concatenated."""
    labels: tuple[int, ...] = ()
    """Sizes of nested training sets, the same for every model; empty takes all labels."""
    head: str = "ridge"
    """What is fitted on a model's vectors: `ridge`, `knn`, `forest` or `mlp`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        heads.check(self.head)
        if not self.modalities or min(self.labels, default=1) < 1:
            raise UsageError("a property needs modalities to read, and numbers of labels above 0")
        for modality in self.modalities:
            if modality not in names():
                near = did_you_mean(modality, names())
                raise UsageError(f"unknown modality {modality!r}{near}; known: {', '.join(names())}")

    @property
    def needs(self) -> Needs:
        """The target; and the modality, where there is one. Of several, a sample may lack some."""
        asked = frozenset(self.modalities if len(self.modalities) == 1 else ())
        return Needs(train=asked, test=asked, target=self.target, fitted=True)

    def model_of(self, embedder: Embedder) -> Predictor:
        """A probe on frozen vectors."""
        return probe(embedder, self.modalities, self.head)

    def run(self, models: Mapping[str, Predictor], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Fit the models and the baselines on the same labels, and score them on the same samples.

        Args:
            models: name -> predictor; fitted anew for each number of labels.
            train: samples of the training folds.
            test: samples of the held-out fold.

        Raises:
            EmptyTaskError: no sample, or too few to learn from.
            UsageError: more labels are asked for than there are, the target is no number, or a model is called as a
                baseline is.
        """
        known, asked = self._train(told(train)), self._test(told(test))
        lines = baselines(known)
        refuse_taken(models, lines)
        rows: list[Row] = []
        items: list[Item] = []
        for count in self.labels or (len(known),):
            labels = {"target": self.target, "labels": str(count) if self.labels else ALL}
            theirs, ours = (
                predictions(predictors, known[:count], asked, self.target) for predictors in (lines, models)
            )
            rows += _rows(labels, ours, theirs, asked)
            items += _items(labels, {**theirs, **ours}, asked)
        facts: dict[str, str | int] = {"from": " + ".join(self.modalities), "head": self.head, "labels": len(known)}
        return Report(task="property", rows=tuple(rows), facts=facts, items=tuple(items))

    def _train(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """Training samples in the order in which a label curve takes them, without what they need not tell."""
        readable = [sample for sample in samples if self._reads(sample)]
        numbers(readable, self.target)
        wanted = max(self.labels, default=1)
        if len(readable) < wanted:
            what = f"{wanted} labels of {self.target!r} are asked for" if self.labels else f"nobody has {self.target!r}"
            raise UsageError(
                f"{what}; the training folds have {len(readable)} with a value of {' or '.join(self.modalities)}"
            )
        return taught(in_label_order(readable), (self.target,))

    def _test(self, samples: Sequence[Sample]) -> Asked:
        readable = sorted((sample for sample in samples if self._reads(sample)), key=lambda sample: sample.id)
        if not readable:
            raise EmptyTaskError(
                f"none of the {len(samples)} held-out samples has {self.target!r} and a value of "
                f"{' or '.join(self.modalities)}: choose another --from, or build a data set that has both"
            )
        return Asked(
            samples=shown(readable),
            ids=tuple(sample.id for sample in readable),
            groups=tuple(sample.groups["formula"] for sample in readable),
            truth=numbers(readable, self.target),
        )

    def _reads(self, sample: Sample) -> bool:
        return any(sample.fields.get(modality) for modality in self.modalities)


def _subsets(asked: Asked) -> dict[str, np.ndarray]:
    """All samples, and apart from them those that are not zero, where some are."""
    there = asked.truth != 0
    return {"all": np.ones(len(there), dtype=bool), **({"non-zero": there} if there.any() and not there.all() else {})}


def _rows(
    labels: Mapping[str, str], ours: Mapping[str, Prediction], theirs: Mapping[str, Prediction], asked: Asked
) -> Iterator[Row]:
    for name, kept in _subsets(asked).items():
        two_part = [ZERO] if name == "all" else []
        yield from answers.figures(
            {**labels, "subset": name},
            answers.part(ours, kept),
            answers.part(theirs, kept),
            asked.only(kept),
            [*METRICS, *two_part],
        )


def _items(labels: Mapping[str, str], found: Mapping[str, Prediction], asked: Asked) -> Iterator[Item]:
    for name, kept in _subsets(asked).items():
        yield from answers.items({**labels, "subset": name}, answers.part(found, kept), asked.only(kept))
