"""Does a value of one modality find its partner of another, for every pair that a data set holds?

Pairs that were never trained together are asked like the others. What belongs together is the entry, or the formula
where a protocol or a composition takes part (`entries`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from comma_data.protocol import VIEWS, with_view
from comma_data.sample import Sample
from comma_encoders.modality import names

from comma_eval.baselines import refuse_taken
from comma_eval.baselines.amounts import ElementAmounts, gives_amounts
from comma_eval.baselines.chance import Chance
from comma_eval.baselines.composition_distance import CompositionDistance
from comma_eval.baselines.element_overlap import ElementOverlap
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.task import Embedder, Item, Needs, Report, Row, Scorer
from comma_eval.tasks.entries import Values, key_for, relevance, values
from comma_eval.tasks.search import Scores, Search, rows_and_items, scores_of

ALL = "all"
STATE_COMPOSITION = frozenset({"composition", "structure"})
"""Modalities from which the composition can be read without learning; texts name elements."""


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Both directions of one pair of modalities, or of every pair."""

    pair: str = ALL
    """Two modalities with a hyphen between them, e.g. `image-xrd`, or `all`."""
    view: str = "precursors"
    """How the protocols are told."""

    def __post_init__(self) -> None:
        """Refuse a pair or view that does not exist."""
        if self.view not in VIEWS:
            raise UsageError(f"unknown view {self.view!r}; known: {', '.join(VIEWS)}")
        pair = self.pair.split("-")
        if self.pair != ALL and (len(set(pair)) != 2 or not set(pair) <= set(names())):
            raise UsageError(
                f"unknown pair {self.pair!r}: give {ALL}, or two of {', '.join(names())} with a hyphen, e.g. xrd-image"
            )

    @property
    def needs(self) -> Needs:
        """Entries with both sides of the pair; nothing to learn from."""
        return Needs(train=None, test=frozenset() if self.pair == ALL else frozenset(self.pair.split("-")))

    def model_of(self, embedder: Embedder) -> Scorer:
        """Similarity of vectors."""
        return EmbeddingScorer(embedder=embedder)

    def run(self, models: Mapping[str, Scorer], train: Sequence[Sample], test: Sequence[Sample]) -> Report:  # noqa: ARG002 - no line here learns
        """Score the models and the lines in both directions of every pair.

        Args:
            models: name -> scorer.
            train: not looked at.
            test: samples of the held-out formulas.

        Raises:
            EmptyTaskError: no pair has two partners to tell apart.
            NotEmbeddedError: a model reads none of the pairs.
        """
        told = [with_view(sample, self.view) for sample in test]
        rows: list[Row] = []
        items: list[Item] = []
        for direction in self._directions(told):
            lines = lines_of(direction)
            refuse_taken(models, lines)
            scored = _read(models, direction)
            found = rows_and_items(direction.search(self.view), scored, direction.scores(lines))
            rows, items = rows + found[0], items + found[1]
        if not rows:
            raise EmptyTaskError(
                f"the {len(test)} samples hold no two entries to tell apart with both modalities of the pair "
                f"{self.pair!r} in the view {self.view!r}: choose another pair, or a data set that holds it"
            )
        return Report(
            task="retrieval", rows=tuple(rows), facts={"view": self.view, **_unread(models, rows)}, items=tuple(items)
        )

    def _directions(self, samples: Sequence[Sample]) -> Iterator["Direction"]:
        """Both directions of every pair asked for that has at least two entries, or formulas, to tell apart."""
        present = {name for sample in samples for name in sample.fields}
        for pair in combinations(sorted(present if self.pair == ALL else self.pair.split("-")), 2):
            both = [sample for sample in samples if set(pair) <= sample.fields.keys()]
            key_of = key_for(pair)
            if len({key_of(sample) for sample in both}) > 1:
                every = {name: values(both, name, key_of) for name in pair}
                one = {name: values(both, name, key_of, one_text_a_key=True) for name in pair}
                yield Direction(names=pair, queries=every[pair[0]], gallery=one[pair[1]])
                yield Direction(names=pair[::-1], queries=every[pair[1]], gallery=one[pair[0]])


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Values of one modality that look for those of another."""

    names: tuple[str, str]
    """Modality of the queries, modality of the gallery."""
    queries: Values
    gallery: Values

    def search(self, view: str) -> Search:
        """The question, asked of the whole gallery."""
        relevant = relevance(self.queries, self.gallery)
        told = {"view": view} if "text" in self.names else {}
        return Search(
            labels={"direction": " -> ".join(self.names), **told},
            queries=self.queries.side,
            gallery=self.gallery.side,
            relevant=relevant,
            searched=np.ones_like(relevant),
        )

    def scores(self, scorers: Mapping[str, Scorer]) -> dict[str, Scores]:
        """Name -> scores."""
        return scores_of(scorers, self.queries.side, self.gallery.side)


def lines_of(direction: Direction) -> dict[str, Scorer]:
    """Chance; and what the composition alone finds, where both sides tell it: texts name some of the elements."""
    lines: dict[str, Scorer] = {"chance": Chance()}
    sides = set(direction.names)
    if sides <= STATE_COMPOSITION:
        lines["composition"] = CompositionDistance()
    elif sides <= STATE_COMPOSITION | {"text"}:
        lines["element overlap"] = ElementOverlap()
        told = direction.queries if direction.names[0] == "text" else direction.gallery
        if gives_amounts(told.side.samples):
            lines["element overlap + amounts"] = ElementAmounts()
    return lines


def _read(models: Mapping[str, Scorer], direction: Direction) -> dict[str, Scores]:
    """Scores of the models that read both modalities."""
    found: dict[str, Scores] = {}
    for name, scorer in models.items():
        with suppress(NotEmbeddedError):
            found |= direction.scores({name: scorer})
    return found


def _unread(models: Mapping[str, Scorer], rows: Sequence[Row]) -> dict[str, str]:
    """What is told of directions that a model could not be asked.

    Raises:
        NotEmbeddedError: a model could be asked none.
    """
    asked = dict.fromkeys(row.labels["direction"] for row in rows)
    facts = {}
    for name in models:
        answered = {row.labels["direction"] for row in rows if row.labels.get("model") == name}
        if not answered:
            raise NotEmbeddedError(f"{name} does not embed both modalities of any pair asked: {', '.join(asked)}")
        if missing := [direction for direction in asked if direction not in answered]:
            facts[f"not embedded by {name}"] = ", ".join(missing)
    return facts
