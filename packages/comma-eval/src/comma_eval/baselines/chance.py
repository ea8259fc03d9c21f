"""Knows nothing: every pair scores the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float


@dataclass(frozen=True)
class Chance:
    """A constant scorer. Ties count as their expectation, so its recall is chance, exactly."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """All zero."""
        return np.zeros((len(queries), len(gallery)))
