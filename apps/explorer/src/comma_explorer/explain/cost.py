"""How long an explanation will take: variants of both values that are encoded, of which a few are timed."""

from time import perf_counter

import torch
from comma_encoders.model import AlignedModel

from comma_explorer.explain.attribution import FEWEST, check_method
from comma_explorer.explain.checks import DRAWS, SHARES, counts
from comma_explorer.explain.explanation import DEFAULT, SEEDS, Given, vector
from comma_explorer.explain.side import ROOM, Side, kept_scores, side

TIMED = 16
"""Variants whose encoding is timed."""
TIMES = 3
"""How often; the first waits for what the others do not, and others for what else the machine does."""
SLOPES = 3
"""What a similarity with its derivatives costs, in similarities."""


def seconds(model: AlignedModel, a: Given, b: Given, *, method: str = DEFAULT) -> float:
    """About how long `explain` of the same will take on this machine, within a factor of two or so.

    Raises:
        UsageError, InputError: As `explain`.
    """
    check_method(method)
    sides = (side(model, this.modality, this.value, vector(model, other)) for this, other in ((a, b), (b, a)))
    return sum(encodings(one, method) * _each(one) for one in sides)


def encodings(given: Side, method: str) -> int:
    """How many variants of a value are encoded: by the model, by those with random weights, and for the curve."""
    removals = counts(len(given.parts), SHARES)
    return (1 + SEEDS) * _of_method(given, method) + (1 + len(removals)) * (1 + DRAWS)


def _of_method(given: Side, method: str) -> int:
    """How many one attribution takes; of `gradients`, whose steps are doubled as needed, the usual number."""
    groups = len(set(given.parts.groups))
    lost = len(given.parts) + groups
    if method == "gradients":
        return SLOPES * (2 + FEWEST + 2 * FEWEST)
    if method in {"removal", "masking"} or given.parts.swapped is None or groups < 2:
        return lost
    return (groups - 1) * lost + (lost if method == "occlusion" else 0)


def _each(given: Side) -> float:
    """Seconds that one variant takes among others."""
    parts = len(given.parts)
    rows = torch.arange(min(TIMED, max(1, ROOM // parts)))
    kept = torch.ones(len(rows), parts, dtype=torch.bool)
    if parts > 1:
        kept[rows, rows % parts] = False  # equal ones would be encoded once

    def timed() -> float:
        start = perf_counter()
        kept_scores(given, kept)
        return (perf_counter() - start) / len(kept)

    return min(timed() for _ in range(TIMES))
