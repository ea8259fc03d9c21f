"""How much worse is a property predicted when modalities of a material are missing, and does imputation help?

A head is fitted on the mean direction of all that is known of each training entry, once. A growing share of the
modalities of the held-out entries is then taken away, the same as in `missing` and for every model. With an imputer
there is a second line, in which guesses stand for what is absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float
from sklearn.preprocessing import StandardScaler

from comma_eval import heads
from comma_eval.baselines import refuse_taken
from comma_eval.baselines.properties import baselines
from comma_eval.conformal import held_back
from comma_eval.errors import EmptyTaskError, NotEmbeddedError
from comma_eval.regression import check_formulas, numbers
from comma_eval.task import Embedder, Item, Needs, Prediction, Report, Row
from comma_eval.tasks import answers
from comma_eval.tasks.absent import There, Vectors, bare_entries, filled, fused, has, imputer_of, take_away, vectors
from comma_eval.tasks.missing import FILLED, FRACTIONS
from comma_eval.tasks.predicting import Asked, predictions, shown, taught, told

METRICS = ("RMSE", "MAE")

Matrix = Float[np.ndarray, "entries dim"]


@dataclass(frozen=True, kw_only=True)
class MissingProperty:
    """Predict a number from what is left of an entry."""

    target: str
    """Key of `Sample.targets`."""
    fractions: tuple[float, ...] = FRACTIONS
    """Shares of an entry's modalities that are taken away."""
    seed: int = 0
    """Of what is taken away."""
    head: str = "ridge"
    """What is fitted on the vectors: `ridge`, `knn`, `forest` or `mlp`."""

    def __post_init__(self) -> None:
        """Refuse a head that does not exist."""
        heads.check(self.head)

    @property
    def needs(self) -> Needs:
        """The target; whatever modalities there are."""
        return Needs(train=frozenset(), test=frozenset(), target=self.target)

    def model_of(self, embedder: Embedder) -> Embedder:
        """The embedder itself: its vectors are fused."""
        return embedder

    def run(self, models: Mapping[str, Embedder], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Fit a head for every model and ask it at every fraction.

        Args:
            models: name -> embedder, perhaps with an imputer.
            train: samples of the training folds.
            test: samples of the held-out formulas.

        Raises:
            EmptyTaskError: no sample with the target has a modality that all models embed, or too few formulas have it.
            UsageError: the target is no number, or a model is called as a baseline is.
        """
        learnt_from, held_out = ([s for s in told(side) if s.fields] for side in (train, test))
        if not learnt_from or not held_out:
            raise EmptyTaskError(f"{len(train)} training and {len(test)} held-out samples have {self.target!r}")
        check_formulas([sample.groups["formula"] for sample in learnt_from], self.target)
        taught_heads = {name: self._head(name, model, learnt_from) for name, model in models.items()}
        held_out = [s for s in held_out if all(one.reads & set(s.fields) for one in taught_heads.values())]
        if not held_out:
            raise EmptyTaskError(f"no held-out sample with {self.target!r} has a modality that all models embed")
        asked = Asked(
            samples=shown(held_out),
            ids=tuple(sample.id for sample in held_out),
            groups=tuple(sample.groups["formula"] for sample in held_out),
            truth=numbers(held_out, self.target),
        )
        lines = baselines(taught(learnt_from, (self.target,)))
        refuse_taken(models, lines)
        theirs = predictions(lines, taught(learnt_from, (self.target,)), asked, self.target)
        entries = bare_entries(held_out, "")
        read = {name: Reader.of(head, vectors(models[name], entries), entries) for name, head in taught_heads.items()}
        rows: list[Row] = []
        items: list[Item] = []
        facts: dict[str, str | int | float] = {"head": self.head, "seed": self.seed, "labels": len(learnt_from)}
        for fraction in self.fractions:
            labels = {"target": self.target, "absent": f"{fraction:.0%}"}
            ours = {way: found for one in read.values() for way, found in one.at(fraction, asked, self.seed).items()}
            rows += answers.figures(labels, ours, theirs, asked, METRICS)
            items += answers.items(labels, {**theirs, **ours}, asked)
        return Report(task="missing_property", rows=tuple(rows), facts=facts, items=tuple(items))

    def _head(self, name: str, model: Embedder, train: Sequence[Sample]) -> "Head":
        """A head on a model's training vectors.

        Raises:
            NotEmbeddedError: it embeds nothing of them.
        """
        bare = bare_entries(train, "")
        known = vectors(model, bare)
        if not known:
            raise NotEmbeddedError(f"{name} embeds no modality of the {len(train)} samples that have {self.target!r}")
        there = has(bare, sorted(known))
        kept = np.flatnonzero(np.any(list(there.values()), axis=0)).tolist()
        everything = fused(known, there).numpy()[kept]
        scale = StandardScaler().fit(everything)
        formulas = [train[number].groups["formula"] for number in kept]
        fitted = ~held_back(formulas)  # the lines beside it keep these apart for their intervals
        answer = heads.fit(
            self.head,
            scale.transform(everything)[fitted],
            numbers(train, self.target)[kept][fitted],
            [formula for formula, of in zip(formulas, fitted, strict=True) if of],
        )
        return Head(name=name, model=model, answer=answer, scale=scale, reads=frozenset(known))


@dataclass(frozen=True, kw_only=True)
class Head:
    """What was fitted on a model's vectors."""

    name: str
    model: Embedder
    answer: heads.Fitted
    scale: StandardScaler
    reads: frozenset[str]
    """Modalities that the model embeds."""

    def told(self, fused_: Matrix) -> Prediction:
        """The answer for fused vectors; no interval."""
        value = self.answer(self.scale.transform(fused_)).value
        return Prediction(value=value, low=np.full_like(value, -np.inf), high=np.full_like(value, np.inf))


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A model's head, and the model's vectors of the held-out entries."""

    head: Head
    z: Vectors
    there: There

    @classmethod
    def of(cls, head: Head, z: Vectors, entries: Sequence[Sample]) -> "Reader":
        """With what the entries have of the modalities that the head knows."""
        return cls(head=head, z=z, there=has(entries, sorted(head.reads)))

    def at(self, fraction: float, asked: Asked, seed: int) -> dict[str, Prediction]:
        """What is predicted with this much absent, without and with imputation."""
        there = {m: known for m, known in self.there.items() if m in self.z}
        kept = take_away(there, asked.ids, fraction, seed)
        found = {self.head.name: self.head.told(fused(self.z, kept).numpy())}
        imputer = imputer_of(self.head.model)
        if imputer is not None:
            everything = {m: np.ones_like(known) for m, known in kept.items()}
            guessed = fused(filled(imputer, self.z, kept), everything)
            found[f"{self.head.name}, {FILLED}"] = self.head.told(guessed.numpy())
        return found
