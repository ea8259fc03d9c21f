"""Are the precursors that a model recommends for an unseen crystal ones that somebody has reported?

Training recipes are ranked by how well they fit the crystal; the precursors of each are carried over to its elements
(`precursors.transferred`), and the first distinct sets are what is recommended. Success at k: one of the first k equals
a known set of the crystal's formula, as in He et al. 2023 (doi:10.1126/sciadv.adg8180), whose figures are on other
recipes and another split, and cannot be compared with these.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from comma_data.protocol import VIEWS, with_view
from comma_data.sample import Sample
from jaxtyping import Float, Int

from comma_eval.baselines import composition as composition_model
from comma_eval.baselines import refuse_taken
from comma_eval.baselines.formulas import composition
from comma_eval.baselines.popularity import Popularity
from comma_eval.chemistry import distances
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.precursors import PrecursorSet, sources, transferred
from comma_eval.recommending import Recipe, library, popularity, texts_of
from comma_eval.task import Embedder, Needs, Report, Row, Scorer
from comma_eval.tasks.entries import entry_of, values
from comma_eval.tasks.pool import Side
from comma_eval.tasks.search import Answers, differences, figures, items

KS = (1, 5, 10)

Order = Int[np.ndarray, " recipes"]
"""Numbers of the recipes, best first."""

Proposals = list[list[PrecursorSet]]
"""The first `max(KS)` distinct sets for each query, best first."""


@dataclass(frozen=True, kw_only=True)
class Recommend:
    """Precursor sets for the crystals of held-out formulas."""

    view: str = "precursors"
    """How the recipes are told to the models that rank them."""

    def __post_init__(self) -> None:
        """Refuse a view that does not exist."""
        if self.view not in VIEWS:
            raise UsageError(f"unknown view {self.view!r}; known: {', '.join(VIEWS)}")

    @property
    def needs(self) -> Needs:
        """Training protocols of any material; held-out materials with a structure and a protocol."""
        return Needs(train=frozenset({"text"}), test=frozenset({"structure", "text"}))

    def model_of(self, embedder: Embedder) -> Scorer:
        """Similarity of vectors."""
        return EmbeddingScorer(embedder=embedder)

    def run(self, models: Mapping[str, Scorer], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Compare what models and lines recommend with what is known.

        Args:
            models: name -> scorer of structures against texts.
            train: recipes to recommend from.
            test: samples of the held-out formulas.

        Raises:
            EmptyTaskError: no held-out formula has a known set, or no training recipe has one.
            UsageError: a model is called as a line is.
        """
        told = [with_view(sample, self.view) for sample in train]
        shelf = shelf_of([recipe for recipe in library(told) if recipe.precursors])
        known = known_sets(test)
        asked = values([s for s in test if s.groups["formula"] in known], "structure", entry_of).side
        if not (asked.samples and shelf.recipes):
            raise EmptyTaskError(
                f"{len(known)} held-out formulas and {len(shelf.recipes)} training recipes have a set of precursors "
                "that brings all their elements, and both are needed: name a data set with text-mined recipes"
            )
        lines = _lines(shelf, asked, told)
        refuse_taken(models, lines)
        theirs = {name: _answers(sets, asked.groups, known) for name, sets in lines.items()}
        ours = {name: _answers(shelf.by_score(scorer, asked), asked.groups, known) for name, scorer in models.items()}
        labels = {"direction": "structure -> precursor set", "view": self.view}
        rows = (
            *_sizes(labels, asked, shelf, known),
            *figures(labels, {**theirs, **ours}, asked.groups),
            *differences(labels, ours, theirs, asked.groups),
        )
        single = items(labels, {**theirs, **ours}, asked.names, asked.groups)
        return Report(task="recommend", rows=rows, facts={"view": self.view}, items=tuple(single))


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Training recipes with a set of precursors; those whose set is used most stand first, so that ties go to them."""

    recipes: tuple[Recipe, ...]
    popularity: Popularity

    def proposals(self, side: Side, order_of: Callable[[int], Order]) -> Proposals:
        """For each query the first distinct sets, in an order of the recipes.

        Args:
            side: structures.
            order_of: number of the query -> numbers of the recipes, best first.
        """
        usual = self.popularity.usual
        wanted = [sources(composition(sample)) for sample in side.samples]
        return [_first(self._carried(order_of(q), target, usual)) for q, target in enumerate(wanted)]

    def by_score(self, scorer: Scorer, side: Side) -> Proposals:
        """In the order of a scorer of structures against the recipes' texts."""
        texts, place = texts_of(self.recipes)
        scores = scorer.score(side.samples, texts.samples)
        return self.proposals(side, lambda q: _order(scores[q][place]))

    def _carried(
        self, order: Order, target: frozenset[str], usual: Mapping[str, Sequence[str]]
    ) -> Iterator[PrecursorSet]:
        for number in order:
            own = self.recipes[number].precursors
            if own and (carried := transferred(own, target, usual)):
                yield carried


def shelf_of(recipes: Sequence[Recipe]) -> Shelf:
    """The recipes in order, and what is popular among them."""
    counts = Counter(recipe.precursors for recipe in recipes)
    ordered = sorted(recipes, key=lambda recipe: (-counts[recipe.precursors], recipe.key))
    return Shelf(recipes=tuple(ordered), popularity=popularity(recipes))


def known_sets(samples: Sequence[Sample]) -> dict[str, frozenset[PrecursorSet]]:
    """Formula -> every set of precursors that a recipe of it tells."""
    found: dict[str, set[PrecursorSet]] = {}
    for recipe in library(samples):
        if recipe.precursors:
            found.setdefault(recipe.formula, set()).add(recipe.precursors)
    return {formula: frozenset(sets) for formula, sets in found.items()}


def _lines(shelf: Shelf, asked: Side, train: Sequence[Sample]) -> dict[str, Proposals]:
    """What a model has to beat: recipes in random order, frequencies, nearest compositions, the composition model."""
    compositions = [composition(sample) for sample in asked.samples]
    far = distances(compositions, [recipe.target for recipe in shelf.recipes])
    mlp = EmbeddingScorer(embedder=composition_model.fit(train))
    limit = max(KS)
    return {
        "random recipes": shelf.proposals(asked, lambda q: _shuffled(asked.names[q], len(shelf.recipes))),
        "popularity": [shelf.popularity.ranked(sources(amounts), limit) for amounts in compositions],
        "nearest composition": shelf.proposals(asked, lambda q: _order(-far[q])),
        "composition MLP": shelf.by_score(mlp, asked),
    }


def _answers(proposals: Proposals, formulas: Sequence[str], known: Mapping[str, frozenset[PrecursorSet]]) -> Answers:
    """Success at each k."""
    found = [[one in known[formula] for one in sets] for sets, formula in zip(proposals, formulas, strict=True)]
    return Answers(values={f"success@{k}": np.array([float(any(right[:k])) for right in found]) for k in KS})


def _sizes(
    labels: Mapping[str, str], asked: Side, shelf: Shelf, known: Mapping[str, frozenset[PrecursorSet]]
) -> Iterator[Row]:
    """How much is asked and known, and for how many queries the training recipes know all precursors of a right set."""
    vocabulary = frozenset().union(*(recipe.precursors or () for recipe in shelf.recipes))
    within = [any(one <= vocabulary for one in known[formula]) for formula in asked.groups]
    formulas = len(set(asked.groups))
    sizes = {
        "queries": len(asked.groups),
        "formulas": formulas,
        "training recipes": len(shelf.recipes),
        "queries with a set of known precursors": sum(within),
    }
    for metric, size in sizes.items():
        yield Row(labels=labels, metric=metric, value=float(size), low=None, high=None, n=formulas)


def _first(sets: Iterator[PrecursorSet]) -> list[PrecursorSet]:
    """The first distinct ones, as many as are counted."""
    found: dict[PrecursorSet, None] = {}
    for one in sets:
        found[one] = None
        if len(found) == max(KS):
            break
    return list(found)


def _order(scores: Float[np.ndarray, " recipes"]) -> Order:
    """Best first; equal ones in the order of the shelf."""
    return np.argsort(-scores, kind="stable")


def _shuffled(name: str, count: int) -> Order:
    """An order that is fixed for each query."""
    return np.random.default_rng(int(sha256(name.encode()).hexdigest()[:16], 16)).permutation(count)
