"""How might this crystal be made? Known protocols, ranked for one structure, and their precursors for its elements."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from comma_data.formulas import reduced
from comma_data.protocol import Protocol
from comma_data.sample import Sample
from jaxtyping import Float, Int

from comma_eval.baselines.composition_distance import CompositionDistance
from comma_eval.baselines.formulas import Amounts, composition
from comma_eval.baselines.popularity import Popularity, fit
from comma_eval.chemistry import amounts_of, distances
from comma_eval.errors import EmptyTaskError
from comma_eval.precursors import PrecursorSet, precursor_set, sources, transferred
from comma_eval.task import Scorer
from comma_eval.tasks.pool import Side, bare

NEAREST = 3
"""Known structures that are named beside the recommendations."""

Steps = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A known protocol."""

    formula: str
    """What it made; `?` and an id where that is not known."""
    steps: Steps
    """In the view that is asked."""
    precursors: PrecursorSet | None
    """None where the protocol does not tell precursors for every source element."""
    doi: str | None
    key: str
    """A hash: the same recipe, the same key."""

    @property
    def target(self) -> Amounts:
        """Composition of what it made; empty where that is not known."""
        return amounts_of(self.formula)


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """One protocol for a structure."""

    similarity: float
    recipe: Recipe
    precursors: tuple[str, ...]
    """The recipe's set, carried over to the elements of the structure; empty where that cannot be."""


@dataclass(frozen=True, kw_only=True)
class Recommended:
    """What is known near a structure."""

    formula: str
    nearest: tuple[tuple[str, str, float], ...]
    """(id, formula, similarity) of the most similar structures whose protocol is known."""
    ranked: tuple[Recommendation, ...]


def library(samples: Sequence[Sample]) -> tuple[Recipe, ...]:
    """Every distinct recipe of the samples, in the view that their texts are in, in the order of their keys.

    A recipe that stands in the entry of each polymorph is one.
    """
    found: dict[str, Recipe] = {}
    for sample in samples:
        formula, texts = sample.groups["formula"], sample.fields.get("text", ())
        records = sample.annotations.get("text", (None,) * len(texts))
        origins = sample.provenance.get("text", ({},) * len(texts))
        for steps, record, origin in zip(texts, records, origins, strict=True):
            doi = origin.get("doi")
            key = sha256(f"{formula}|{record or steps!r}|{doi}".encode()).hexdigest()
            known = precursor_set(record, amounts_of(formula)) if isinstance(record, Protocol) else None
            found[key] = Recipe(formula=formula, steps=steps, precursors=known, doi=doi, key=key)
    return tuple(found[key] for key in sorted(found))


def texts_of(recipes: Sequence[Recipe]) -> tuple[Side, Int[np.ndarray, " recipes"]]:
    """The distinct texts as a gallery, and the place in it of each recipe's text."""
    texts = sorted({recipe.steps for recipe in recipes})
    place = {steps: number for number, steps in enumerate(texts)}
    side = bare("text", (("", str(number), steps) for number, steps in enumerate(texts)))
    return side, np.array([place[recipe.steps] for recipe in recipes], dtype=int)


def popularity(recipes: Sequence[Recipe]) -> Popularity:
    """Which precursors the recipes use for each element."""
    return fit((sources(recipe.target), recipe.precursors) for recipe in recipes if recipe.precursors)


def recommend(structure: Any, scorer: Scorer | None, samples: Sequence[Sample], *, count: int = 10) -> Recommended:
    """Rank the protocols of the samples for one structure.

    Args:
        structure: raw value.
        scorer: compares structures with texts and with structures; None compares compositions alone.
        samples: where protocols are taken from, in the view in which they are asked.
        count: how many are wanted, each text of a formula once.

    Raises:
        EmptyTaskError: no sample has a protocol.
    """
    recipes = library(samples)
    if not recipes:
        raise EmptyTaskError(f"none of the {len(samples)} samples has a protocol to recommend: name another data set")
    query = bare("structure", [("", "query", structure)])
    usual, wanted = popularity(recipes).usual, sources(composition(query.samples[0]))
    similarity = _similarity(query, recipes, scorer)
    ranked: dict[tuple[str, Steps], Recommendation] = {}
    for number in np.argsort(-similarity, kind="stable"):
        recipe = recipes[number]
        carried = transferred(recipe.precursors, wanted, usual) if recipe.precursors else None
        one = Recommendation(
            similarity=float(similarity[number]), recipe=recipe, precursors=tuple(sorted(carried or ()))
        )
        ranked.setdefault((recipe.formula, recipe.steps), one)
        if len(ranked) == count:
            break
    return Recommended(
        formula=reduced(composition(query.samples[0])),
        nearest=_nearest(query, samples, scorer),
        ranked=tuple(ranked.values()),
    )


def _similarity(query: Side, recipes: Sequence[Recipe], scorer: Scorer | None) -> Float[np.ndarray, " recipes"]:
    """How well each recipe fits."""
    if scorer is None:
        shared = 1 - distances([composition(query.samples[0])], [recipe.target for recipe in recipes])[0]
        return np.where([bool(recipe.target) for recipe in recipes], shared, 0.0)
    texts, place = texts_of(recipes)
    return np.asarray(scorer.score(query.samples, texts.samples)[0][place])


def _nearest(query: Side, samples: Sequence[Sample], scorer: Scorer | None) -> tuple[tuple[str, str, float], ...]:
    """The three most similar structures whose protocol is known."""
    known = [sample for sample in samples if {"structure", "text"} <= sample.fields.keys()]
    if not known:
        return ()
    side = bare("structure", ((s.groups["formula"], s.id, s.fields["structure"][0]) for s in known))
    scores = (scorer or CompositionDistance()).score(query.samples, side.samples)[0]
    best = np.argsort(-scores, kind="stable")[:NEAREST]
    return tuple((side.names[number], side.groups[number], float(scores[number])) for number in best)
