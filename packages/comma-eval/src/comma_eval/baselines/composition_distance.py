"""Compares compositions whole: what is left to learn where both sides state one. No learning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

from comma_eval.baselines.formulas import composition
from comma_eval.chemistry import distances


@dataclass(frozen=True)
class CompositionDistance:
    """Scores two crystals or compositions by the share of atoms that they have in common."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """1 minus `chemistry.distances`."""
        return 1 - distances([composition(sample) for sample in queries], [composition(sample) for sample in gallery])
