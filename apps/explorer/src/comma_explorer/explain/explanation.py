"""A pair of values -> what of each makes them similar, with the checks beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from comma_encoders.model import AlignedModel
from comma_eval.untrained import untrained
from jaxtyping import Float

from comma_explorer.explain.attribution import Attribution, attribute, check_method
from comma_explorer.explain.checks import Deletion, deletion, rank_correlation
from comma_explorer.explain.side import of_model, side
from comma_explorer.search.unread import unread

SEEDS = 3
"""Models with random weights that the attribution is compared with."""
DEFAULT = "occlusion"
"""See `explain-checks.json` for what it does beside the others."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """One value of a pair."""

    modality: str
    value: Any
    """Raw."""
    name: str
    """Where it comes from, for people."""
    notes: tuple[str, ...] = ()
    """What was assumed when it was read."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What of one value contributes to the similarity."""

    given: Given
    labels: tuple[str, ...]
    """Of the parts: atoms, words, fields, stretches, elements."""
    groups: tuple[str, ...]
    """What each part belongs to; empty where parts stand for themselves."""
    grouped: str
    """What a group is, such as `step`."""
    extent: Float[np.ndarray, "parts bounds"] | None
    """Where each part lies; see `comma_encoders.parts.Parts`."""
    attribution: Attribution
    deletion: Deletion | None
    """None where the value has one part."""
    untrained: tuple[float | None, ...]
    """Rank correlation with the attributions of models with random weights, one each; None where it says nothing."""
    notes: tuple[str, ...] = ()
    """What was assumed when it was read, and what the model does not read of it."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a model finds two values as similar as it does."""

    model: str
    """Its name."""
    method: str
    similarity: float
    sides: tuple[Explained, Explained]


def explain(  # noqa: PLR0913  a pair, and what is asked of it
    model: AlignedModel, a: Given, b: Given, *, method: str = DEFAULT, name: str = "model", seed: int = 0
) -> Explanation:
    """Explain the similarity of two values: each side with the other's vector held fixed.

    Args:
        model: whose similarity is meant.
        a: one value.
        b: the other; of any modality, also the same.
        method: one of `attribution.METHODS`.
        name: of the model, for people.
        seed: of the random removals and the random weights.

    Raises:
        UsageError: a modality that the model lacks, or another method.
        InputError: a value that cannot be encoded.
    """
    check_method(method)
    others = [untrained(model, seed + i).to(model.device).eval() for i in range(SEEDS)]
    pairs = ((a, b), (b, a))
    first, second = (_side(model, others, this, other, method, seed) for this, other in pairs)
    similarity = first.attribution.similarity
    return Explanation(model=name, method=method, similarity=similarity, sides=(first, second))


def vector(model: AlignedModel, given: Given) -> torch.Tensor:
    """The unit vector of a value, (dim,)."""
    return model.encode(given.modality, [given.value])[0]


def _side(  # noqa: PLR0913, PLR0917  the parts of one step
    model: AlignedModel, others: list[AlignedModel], this: Given, other: Given, method: str, seed: int
) -> Explained:
    asked = side(model, this.modality, this.value, vector(model, other))
    found = attribute(asked, method)
    note = unread(this.value, model.configs["text"]) if this.modality == "text" else ""
    by_chance = (of_model(asked, m, vector(m, other)) for m in others)
    return Explained(
        given=this,
        labels=asked.parts.labels,
        groups=asked.parts.groups,
        grouped=asked.parts.grouped,
        extent=asked.parts.extent,
        attribution=found,
        deletion=deletion(asked, found.values, seed=seed),
        untrained=tuple(rank_correlation(found.values, attribute(s, method).values) for s in by_chance),
        notes=tuple(dict.fromkeys((*this.notes, note) if note else this.notes)),
    )


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Names, contributions and checks as plain values."""
    return {
        "model": explanation.model,
        "method": explanation.method,
        "similarity": explanation.similarity,
        "sides": [_side_json(found) for found in explanation.sides],
    }


def _side_json(found: Explained) -> dict[str, Any]:
    groups = found.groups or (None,) * len(found.labels)
    values = found.attribution.values.tolist()
    return {
        "modality": found.given.modality,
        "name": found.given.name,
        "parts": [
            {"label": label, **({found.grouped: group} if group else {}), "contribution": value}
            for label, group, value in zip(found.labels, groups, values, strict=True)
        ],
        **({f"by_{found.grouped}": dict(found.attribution.groups)} if found.groups else {}),
        "baseline": found.attribution.baseline,
        "gap": found.attribution.gap,
        "deletion": None if found.deletion is None else _deletion_json(found.deletion),
        "untrained_rank_correlation": list(found.untrained),
        "notes": list(found.notes),
    }


def _deletion_json(curve: Deletion) -> Mapping[str, Any]:
    return {
        "parts": curve.parts,
        "removed": curve.removed.tolist(),
        "similarity": curve.ranked.tolist(),
        "random": curve.random.mean(axis=1).tolist(),
    }
