"""Hits in a new order: the cosine, and beside it the elements and amounts that query and hit both name.

Vectors blur near ratios and like elements, which a count tells apart; `comma_eval.counting` does the same to whole
galleries whose right answers are known, and measures what it is worth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from comma_data.formulas import composition
from comma_data.sample import Sample
from comma_encoders.modality import get
from comma_eval.baselines.amounts import ElementAmounts
from comma_eval.baselines.element_overlap import element_matrix

from comma_explorer.search.hits import Hit
from comma_explorer.search.question import Question

COUNTED = ("composition", "structure", "text")
"""Modalities of questions in which elements can be counted."""
CANDIDATES = 200
"""Of the nearest by the cosine, how many are counted at least; what lies behind them stays behind."""


def candidates(n: int) -> int:
    """How many hits by the cosine are needed for n in the new order."""
    return max(CANDIDATES, 2 * n)


def reordered(questions: Sequence[Question], hits: Sequence[Hit], weight: float) -> tuple[Hit, ...]:
    """The hits by cosine + weight x count, each with its count, the mean over the questions that name elements.

    The count is `ElementAmounts`, from 0 to 2. A protocol is counted by its steps; anything else by the formula of the
    first entry it stands in, and by 0 where nobody knows that. If no question names an element, hits stay as they are.
    """
    asked = [sample for sample in _asked(questions) if element_matrix([sample]).any()]
    if not asked or not hits:
        return tuple(hits)
    named = [_named(hit) for hit in hits]
    counts = np.zeros(len(hits))
    known = [place for place, sample in enumerate(named) if sample]
    if known:
        counts[known] = ElementAmounts().score(asked, [sample for sample in named if sample]).mean(axis=0)
    order = sorted(range(len(hits)), key=lambda place: (-(hits[place].cosine + weight * counts[place]), place))
    return tuple(
        replace(hits[place], rank=rank, counted=float(counts[place])) for rank, place in enumerate(order, start=1)
    )


def _asked(questions: Sequence[Question]) -> Iterator[Sample]:
    """The questions of which elements can be counted, as raw values."""
    for question in questions:
        if question.modality in COUNTED:
            yield _sample(question.modality, get(question.modality).coerce(question.value))


def _named(hit: Hit) -> Sample | None:
    """What a hit says of its elements; None where it says nothing."""
    if hit.modality == "text":
        return _sample("text", hit.steps)
    formula = hit.places[0].formula
    return _sample("composition", composition(formula)) if formula else None


def _sample(modality: str, value: Any) -> Sample:
    return Sample(id=modality, fields={modality: (value,)}, groups={})
