"""Retrieval scored exactly: relevance is a set, ties count as their expectation, chance is computed.

A query is answered within k when any item relevant to it stands among its k best. Equal scores are common (element
overlap, recipes of the same wording, a collapsed model), and whoever breaks them by position in the gallery reports an
accident; here each value is the mean over all orders of the tied items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from comma_encoders.errors import InputError

Scores = Float[Tensor, "q g"] | Float[np.ndarray, "q g"]
"""Row: query; column: gallery item; higher is nearer."""

Relevant = Bool[Tensor, "q g"] | Bool[np.ndarray, "q g"]
"""True where the gallery item answers the query; at least one a row."""

Groups = Int[Tensor, " _"] | np.ndarray | Sequence[str] | Sequence[int]
"""What each item belongs to, as codes or as names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranks:
    """Where the best relevant item of each query stands; ties are kept, not broken."""

    better: Int[np.ndarray, " q"]
    """Irrelevant items that score higher than the best relevant one."""
    tied: Int[np.ndarray, " q"]
    """Irrelevant items that score the same."""
    found: Int[np.ndarray, " q"]
    """Relevant items at that score, at least 1."""
    relevant: Int[np.ndarray, " q"]
    """Relevant items in the whole gallery."""
    pool: int
    """Items in the gallery."""

    @property
    def expected(self) -> Float[np.ndarray, " q"]:
        """Rank of the first relevant item, from 1, averaged over the orders of the tied.

        The first of R marked items in a random row of T + R stands at (T + R + 1) / (R + 1) on average.
        """
        return self.better + (self.tied + self.found + 1) / (self.found + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recall:
    """Recall at k and mean reciprocal rank, with what chance gives on the same pool."""

    at: Mapping[int, float]
    """k -> share of the queries answered within k."""
    chance: Mapping[int, float]
    """k -> the same for a random order of the gallery."""
    mrr: float
    chance_mrr: float
    queries: int
    pool: int
    ties: int
    """Queries whose best relevant item ties with an irrelevant one."""
    hits: Mapping[int, Float[np.ndarray, " q"]]
    """k -> probability for each query, over the orders of the tied, that it is answered within k."""
    chance_hits: Mapping[int, Float[np.ndarray, " q"]]
    reciprocal: Float[np.ndarray, " q"]
    """Expected reciprocal rank of each query."""
    chance_reciprocal: Float[np.ndarray, " q"]
    ranks: Ranks


def similarity(a: Float[Tensor, "q dim"], b: Float[Tensor, "g dim"]) -> Float[Tensor, "q g"]:
    """Dot products of the rows of a and b: the cosine, where they are unit vectors. Returns float32.

    Summed in float64, so that equal vectors get equal scores: blocked float32 products differ in the last bit with
    the position in the matrix, which would break ties by accident.
    """
    return (_double(a) @ _double(b).T).float()


def same_group(queries: Groups, gallery: Groups) -> Relevant:
    """True where query and gallery item belong to the same group, (q, g)."""
    if isinstance(queries, Tensor) and isinstance(gallery, Tensor):
        return queries[:, None] == gallery[None, :]
    return np.asarray(queries)[:, None] == np.asarray(gallery)[None, :]


def ranks(scores: Scores, relevant: Relevant) -> Ranks:
    """Count for each query what stands before, and level with, its best relevant item.

    Raises:
        InputError: the shapes differ, a score is NaN, or a query has no relevant item.
    """
    score, mask = torch.as_tensor(scores), torch.as_tensor(relevant)
    _refuse_undefined(score, mask)
    best = score.masked_fill(~mask, -torch.inf).amax(dim=1, keepdim=True)
    level = score == best
    return Ranks(
        better=_count((score > best) & ~mask),
        tied=_count(level & ~mask),
        found=_count(level & mask),
        relevant=_count(mask),
        pool=score.shape[1],
    )


def recall(scores: Scores, relevant: Relevant, ks: Sequence[int] = (1, 5, 10)) -> Recall:
    """Score a whole matrix: recall at each k, mean reciprocal rank, chance and ties.

    Args:
        scores: (q, g), on any device.
        relevant: (q, g), the relevance sets.
        ks: the cut-offs, each at least 1.

    Raises:
        InputError: as `ranks`.
    """
    where = ranks(scores, relevant)
    blind = _all_level(where)
    hits = {k: hits_within(where, k) for k in ks}
    chance_hits = {k: hits_within(blind, k) for k in ks}
    reciprocal, chance_reciprocal = reciprocal_ranks(where), reciprocal_ranks(blind)
    return Recall(
        at={k: float(hit.mean()) for k, hit in hits.items()},
        chance={k: float(hit.mean()) for k, hit in chance_hits.items()},
        mrr=float(reciprocal.mean()),
        chance_mrr=float(chance_reciprocal.mean()),
        queries=len(where.better),
        pool=where.pool,
        ties=int((where.tied > 0).sum()),
        hits=hits,
        chance_hits=chance_hits,
        reciprocal=reciprocal,
        chance_reciprocal=chance_reciprocal,
        ranks=where,
    )


def hits_within(where: Ranks, k: int) -> Float[np.ndarray, " q"]:
    """Probability that a relevant item stands among the first k.

    With G better, T tied irrelevant and R tied relevant items: 0 if k <= G, else 1 - C(T, k-G) / C(T+R, k-G).
    """
    miss = np.ones(len(where.better))
    for place in range(k):
        drawn = place - where.better
        left = np.maximum(where.tied - drawn, 0)
        miss *= np.where(drawn >= 0, left / np.maximum(left + where.found, 1), 1.0)
    return 1 - miss


def reciprocal_ranks(where: Ranks) -> Float[np.ndarray, " q"]:
    """Expected 1 / rank of the first relevant item over the orders of the tied ones."""
    total = np.zeros(len(where.better))
    missed = np.ones(len(where.better))
    for drawn in range(int(where.tied.max(initial=0)) + 1):
        left = np.maximum(where.tied - drawn, 0)
        found = where.found / (left + where.found)
        total += missed * found / (where.better + drawn + 1)
        missed *= 1 - found
    return total


def _all_level(where: Ranks) -> Ranks:
    """The ranks of a scorer that cannot tell any two items apart."""
    zeros = np.zeros_like(where.better)
    blanks = where.pool - where.relevant
    return Ranks(better=zeros, tied=blanks, found=where.relevant, relevant=where.relevant, pool=where.pool)


def _refuse_undefined(scores: Tensor, relevant: Tensor) -> None:
    """Raise where recall has no meaning."""
    if scores.shape != relevant.shape or scores.ndim != 2:
        message = f"scores {tuple(scores.shape)} and relevance {tuple(relevant.shape)} must both be (queries, gallery)"
        raise InputError(message)
    if len(scores) == 0:
        raise InputError("there are no queries to score")
    if bool(torch.isnan(scores).any()):
        row = int(torch.isnan(scores).any(dim=1).nonzero()[0])
        raise InputError(f"the scores of query {row} hold NaN: an embedding or a scorer is broken")
    if not bool(relevant.any(dim=1).all()):
        row = int((~relevant.any(dim=1)).nonzero()[0])
        raise InputError(f"query {row} has no relevant item in the gallery: leave it out, or add its group")


def _count(mask: Tensor) -> Int[np.ndarray, " q"]:
    """True values in each row."""
    return mask.sum(dim=1).cpu().numpy()


def _double(x: Tensor) -> Tensor:
    """In float64, which Apple's GPUs do not have: then on the CPU."""
    return (x.cpu() if x.device.type == "mps" else x).double()
