"""How far does retrieval fall when modalities are missing, and does imputation help?

A query is an entry of which some modalities are known: the mean direction of their vectors. The target modality is
never in the query; it is what is searched. A growing share of the query's modalities is taken away, the same for every
model (`absent`). With an imputer there are two more lines: absent modalities of the query filled by guesses, and the
target's vector itself guessed from what is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from comma_data.protocol import VIEWS, with_view
from comma_data.sample import Sample
from comma_encoders.modality import names
from comma_encoders.retrieval import same_group, similarity
from jaxtyping import Bool, Float
from torch import Tensor

from comma_eval.baselines import refuse_taken
from comma_eval.baselines.chance import Chance
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.task import Embedder, Item, Needs, Report, Row
from comma_eval.tasks.absent import (
    There,
    Vectors,
    bare_entries,
    filled,
    fused,
    has,
    imputed,
    imputer_of,
    take_away,
    vectors,
)
from comma_eval.tasks.entries import Values, formula_of, key_for, values
from comma_eval.tasks.pool import Side
from comma_eval.tasks.search import Scores, Search, answers, differences, rows_and_items

FRACTIONS = (0.0, 0.3, 0.6, 0.9)
FILLED, GUESSED = "absent ones imputed", "target imputed"
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Search a target modality by what is left of the others."""

    target: str = "structure"
    """What is searched, or `all` modalities one after the other."""
    view: str = "precursors"
    """How the protocols are told."""
    fractions: tuple[float, ...] = FRACTIONS
    """Shares of the query's modalities that are taken away."""
    seed: int = 0
    """Of what is taken away."""

    def __post_init__(self) -> None:
        """Refuse a target or view that does not exist."""
        if self.view not in VIEWS:
            raise UsageError(f"unknown view {self.view!r}; known: {', '.join(VIEWS)}")
        if self.target not in (*names(), ALL):
            raise UsageError(f"unknown target {self.target!r}; known: {', '.join((*names(), ALL))}")

    @property
    def needs(self) -> Needs:
        """Entries with the target; nothing to learn from."""
        return Needs(train=None, test=frozenset() if self.target == ALL else frozenset({self.target}))

    def model_of(self, embedder: Embedder) -> Embedder:
        """The embedder itself: its vectors are fused."""
        return embedder

    def run(
        self,
        models: Mapping[str, Embedder],
        train: Sequence[Sample],  # noqa: ARG002 - nothing learns here
        test: Sequence[Sample],
    ) -> Report:
        """Score what is left of the queries at every fraction.

        Args:
            models: name -> embedder, perhaps with an imputer.
            train: not looked at.
            test: samples of the held-out formulas.

        Raises:
            EmptyTaskError: no two entries have the target and another modality that all models embed.
            NotEmbeddedError: a model does not embed the target.
        """
        told = [with_view(sample, self.view) for sample in test]
        targets = sorted({m for sample in told for m in sample.fields}) if self.target == ALL else [self.target]
        rows: list[Row] = []
        items: list[Item] = []
        facts: dict[str, str | int | float] = {"view": self.view, "seed": self.seed}
        for target in targets:
            with suppress(*((NotEmbeddedError,) if self.target == ALL else ())):
                for asked in _asked(models, told, target):
                    for fraction in self.fractions:
                        kept = take_away(asked.there, asked.queries.names, fraction, self.seed)
                        found = _answered(asked, kept, f"{fraction:.0%}", self.view)
                        rows, items = rows + found[0], items + found[1]
                        facts[f"{asked.direction}, modalities a query with {fraction:.0%} absent"] = _mean_count(kept)
        if not rows:
            raise EmptyTaskError(
                f"among the {len(test)} samples no two have the target {self.target!r} and another modality that is "
                "embedded: choose another --target, or a data set whose entries have several modalities"
            )
        return Report(task="missing", rows=tuple(rows), facts=facts, items=tuple(items))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Queries and gallery of one target, and what the models give of them."""

    target: str
    queries: Side
    gallery: Values
    relevant: Bool[np.ndarray, "q g"]
    there: There
    """Modalities of the queries that every model embeds."""
    models: Mapping[str, Embedder]
    known: Mapping[str, Vectors]
    """Model -> its vectors of the queries' modalities."""
    sought: Mapping[str, Float[Tensor, "g dim"]]
    """Model -> its vectors of the gallery."""

    @property
    def direction(self) -> str:
        """`image + xrd -> structure`."""
        return f"{' + '.join(self.there)} -> {self.target}"


def _asked(models: Mapping[str, Embedder], samples: Sequence[Sample], target: str) -> Iterator[Asked]:
    """The question for one target; nothing where no two entries can be told apart.

    Raises:
        NotEmbeddedError: a model does not embed the target.
    """
    with_target = sorted((s for s in samples if target in s.fields), key=lambda sample: sample.id)
    bare = bare_entries(with_target, target)
    known = {name: vectors(model, bare) for name, model in models.items()}
    present = {m for sample in bare for m in sample.fields}
    sources = sorted(present.intersection(*known.values()))
    kept = [i for i, sample in enumerate(bare) if set(sources) & sample.fields.keys()]
    entries, key_of = [with_target[i] for i in kept], key_for((target, *sources))
    if len({key_of(sample) for sample in entries}) < 2:
        return
    gallery = values(entries, target, key_of, one_text_a_key=True)
    queries = Side(
        samples=tuple(bare[i] for i in kept),
        groups=tuple(map(formula_of, entries)),
        names=tuple(sample.id for sample in entries),
    )
    yield Asked(
        target=target,
        queries=queries,
        gallery=gallery,
        relevant=np.asarray(same_group([key_of(sample) for sample in entries], gallery.keys)),
        there=has(queries.samples, sources),
        models=models,
        known={name: {m: z[m][kept] for m in sources} for name, z in known.items()},
        sought={n: EmbeddingScorer(embedder=m).vectors(gallery.side.samples) for n, m in models.items()},
    )


def _answered(asked: Asked, kept: There, absent: str, view: str) -> tuple[list[Row], list[Item]]:
    """Rows and items with this much absent."""
    search = Search(
        labels={"direction": asked.direction, "view": view, "absent": absent},
        queries=asked.queries,
        gallery=asked.gallery.side,
        relevant=asked.relevant,
        searched=np.ones_like(asked.relevant),
    )
    lines = {"chance": Chance().score(search.queries.samples, search.gallery.samples)}
    scored: dict[str, Scores] = {}
    helped: list[Row] = []
    for name in asked.models:
        refuse_taken({name: 0}, lines)
        ways = _ways(asked, name, kept)
        scored |= ways
        plain, *others = ({way: answers(search, scores)} for way, scores in ways.items())
        groups = search.queries.groups
        helped += [row for other in others for row in differences(search.labels, other, plain, groups)]
    rows, items = rows_and_items(search, scored, lines)
    return rows + helped, items


def _ways(asked: Asked, name: str, kept: There) -> dict[str, Scores]:
    """Scores of the mean direction of what is kept; and where the model imputes, of the two uses of that."""
    z, imputer = asked.known[name], imputer_of(asked.models[name])
    queries = {name: fused(z, kept)}
    if imputer is not None:
        everything = {m: np.ones_like(there) for m, there in kept.items()}
        queries[f"{name}, {FILLED}"] = fused(filled(imputer, z, kept), everything)
        queries[f"{name}, {GUESSED}"] = imputed(imputer, z, kept, asked.target)
    return {way: similarity(vectors_, asked.sought[name]).numpy() for way, vectors_ in queries.items()}


def _mean_count(kept: There) -> float:
    """Modalities that a query has left, on average."""
    return round(float(sum(there.mean() for there in kept.values())), 3)
