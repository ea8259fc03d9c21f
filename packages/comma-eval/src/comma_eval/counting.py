"""A learned similarity, and beside it what both sides name, counted without learning.

Vectors blur near ratios and like elements that a count tells apart; a count knows nothing of what is not named. Their
errors are different ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

from comma_eval.baselines.amounts import ElementAmounts
from comma_eval.task import Scorer


@dataclass(frozen=True, kw_only=True)
class Counting:
    """A scorer plus shared elements and the closeness of their ratios, see `ElementAmounts`."""

    scorer: Scorer
    weight: float
    """Of the count, which is at most 2; where a text names no element it is the same for every item of a gallery."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """Both, added up."""
        counted = ElementAmounts().score(queries, gallery)
        return np.asarray(self.scorer.score(queries, gallery), dtype=np.float64) + self.weight * counted
