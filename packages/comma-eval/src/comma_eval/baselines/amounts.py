"""Element overlap, and the ratio of the amounts where the text weighs its precursors out. No learning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

from comma_eval.baselines.element_overlap import ElementOverlap
from comma_eval.baselines.formulas import SYMBOLS, Amounts, composition, mixture, ratios


@dataclass(frozen=True)
class ElementAmounts:
    """Scores by shared elements plus the closeness of their ratios."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """Jaccard index + 1 - half the L1 distance of the fractions; the second term is 0 where amounts are missing."""
        a, b = ratio_matrix(queries), ratio_matrix(gallery)
        distance = np.stack([np.abs(row - b).sum(axis=1) for row in a])
        known = (a.sum(axis=1) > 0)[:, None] & (b.sum(axis=1) > 0)[None, :]
        return ElementOverlap().score(queries, gallery) + np.where(known, 1 - distance / 2, 0.0)


def gives_amounts(samples: Sequence[Sample]) -> bool:
    """Whether any text weighs its precursors out."""
    return any(mixture(sample.fields["text"][0]) for sample in samples if "text" in sample.fields)


def ratio_matrix(samples: Sequence[Sample]) -> Float[np.ndarray, "samples 118"]:
    """One row a sample: fractions of the kept elements; zeros where no amounts are known."""
    return np.array([[found.get(symbol, 0.0) for symbol in SYMBOLS] for found in map(_ratios, samples)])


def _ratios(sample: Sample) -> Amounts:
    amounts = mixture(sample.fields["text"][0]) if "text" in sample.fields else composition(sample)
    return ratios(amounts or {})
