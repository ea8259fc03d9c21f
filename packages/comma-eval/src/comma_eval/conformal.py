"""Split-conformal intervals where samples come in groups.

A part of the training groups is kept from the fit; how far the fitted model is off on them is how wide its intervals
are (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Lei et al. 2018,
doi:10.1080/01621459.2017.1307116). Samples of one formula are no independent draws, so every calibration group has the
same weight, shared by its samples (Lee, Barber and Willett 2023, arXiv:2306.06342): the stated coverage is that of a
random sample of a random new group.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from jaxtyping import Bool, Float

COVERAGE = 0.9
HELD_BACK = 0.1
"""Share of the groups that calibrates."""
FEWEST = 9
"""Groups that calibrate at least: with fewer than 9 no finite interval covers 9 of 10."""


def held_back(groups: Sequence[str]) -> Bool[np.ndarray, " samples"]:
    """Which samples calibrate: all of the groups with the smallest hashes, the same whoever fits."""
    names = sorted(set(groups), key=lambda name: sha256(f"comma-eval/calibration:{name}".encode()).digest())
    chosen = set(names[: max(FEWEST, round(HELD_BACK * len(names)))])
    return np.array([group in chosen for group in groups], dtype=bool)


def half_width(errors: Float[np.ndarray, " calibration"], groups: Sequence[str], coverage: float = COVERAGE) -> float:
    """Distance from the predicted value that covers a new sample with at least this probability.

    Args:
        errors: absolute errors on the calibration samples, in the target's unit.
        groups: of each of them; samples of a group share its weight.
        coverage: between 0 and 1.

    Returns:
        The smallest error e such that errors up to e have the weight `coverage`, where a new group counts as one more
        whose errors are infinite; infinite where there are too few groups.
    """
    _, codes, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    order = np.argsort(errors, kind="stable")
    weight = np.cumsum(1 / sizes[codes[order]]) / (len(sizes) + 1)
    enough = weight >= coverage - 1e-9  # sums of fractions such as 9 / 10 are not exact
    return float(errors[order][np.argmax(enough)]) if enough.any() else np.inf
