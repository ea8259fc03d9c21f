"""Does the text name the elements of the crystal? No learning.

The score is the Jaccard index of the element sets of the two sides, C H N O S F Cl left out. Containment (the share of
the crystal's elements that the text names) was compared with it on validation folds and lost; `docs/decisions.md` of
the project has the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

from comma_eval.baselines.formulas import SYMBOLS, composition, elements, solids


@dataclass(frozen=True)
class ElementOverlap:
    """Scores a text and a crystal by the elements that they share."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """Jaccard index of the element sets; 1 where both are empty."""
        a, b = element_matrix(queries), element_matrix(gallery)
        shared = a @ b.T
        united = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - shared
        return np.where(united > 0, shared / np.maximum(united, 1), 1.0)


def element_matrix(samples: Sequence[Sample]) -> Float[np.ndarray, "samples 118"]:
    """One row a sample, 1 where it contains or names the element."""
    return np.array([[float(symbol in found) for symbol in SYMBOLS] for found in map(_elements, samples)])


def _elements(sample: Sample) -> frozenset[str]:
    if "text" in sample.fields:
        return elements(sample.fields["text"][0])
    return frozenset(solids(composition(sample)))
