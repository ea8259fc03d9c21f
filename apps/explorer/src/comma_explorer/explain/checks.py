"""Whether an attribution can be trusted: what happens when the parts it names are removed, and without training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import rankdata

from comma_explorer.explain.side import Side, kept_scores

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the parts, that are removed for a deletion curve."""
DRAWS = 20
"""Random removals beside each."""


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """Similarity when more and more parts are removed (Samek et al. 2017, doi:10.1109/TNNLS.2016.2599820)."""

    removed: Int[np.ndarray, " points"]
    """How many parts are gone, rising from 0."""
    parts: int
    """Of how many."""
    ranked: Float[np.ndarray, " points"]
    """Similarity without those that contribute most."""
    random: Float[np.ndarray, "points draws"]
    """Similarity without as many that chance chose."""


def counts(parts: int, shares: Sequence[float]) -> list[int]:
    """How many parts each share is: at least one, never all."""
    return sorted({min(max(1, round(share * parts)), parts - 1) for share in shares}) if parts > 1 else []


def deletion(
    given: Side,
    values: Float[np.ndarray, " parts"],
    *,
    shares: Sequence[float] = SHARES,
    draws: int = DRAWS,
    seed: int = 0,
) -> Deletion | None:
    """Remove parts from the highest contribution down, and as many at random.

    Args:
        given: the value.
        values: contributions of its parts.
        shares: of the parts to remove.
        draws: random removals for each share.
        seed: of the random ones.

    Returns:
        The curves; None for a value of one part, of which nothing can be removed.
    """
    n, numbers = len(given.parts), [0, *counts(len(given.parts), shares)]
    if n < 2:
        return None
    rng = np.random.default_rng(seed)
    order = np.argsort(-np.asarray(values), kind="stable")
    removed = [order[:k] for k in numbers] + [rng.choice(n, k, replace=False) for k in numbers for _ in range(draws)]
    kept = torch.ones(len(removed), n, dtype=torch.bool)
    for row, gone in zip(kept, removed, strict=True):
        row[torch.from_numpy(gone)] = False
    scores = kept_scores(given, kept).numpy().astype(np.float64)
    return Deletion(
        removed=np.array(numbers),
        parts=n,
        ranked=scores[: len(numbers)],
        random=scores[len(numbers) :].reshape(len(numbers), draws),
    )


def rank_correlation(a: Float[np.ndarray, " parts"], b: Float[np.ndarray, " parts"]) -> float | None:
    """Spearman's correlation of the sizes |a| and |b|; ties share their ranks.

    None where it says nothing: fewer than three different sizes in one of them, as where all atoms are of two kinds.
    """
    ranks = np.stack([rankdata(_told_apart(x)) for x in (a, b)])
    return float(np.corrcoef(ranks)[0, 1]) if min(len(np.unique(row)) for row in ranks) >= 3 else None


def _told_apart(values: Float[np.ndarray, " parts"]) -> Float[np.ndarray, " parts"]:
    """Sizes of which those that differ by rounding alone are equal."""
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    return np.round(sizes / max(float(sizes.max()), 1e-30), 4)
