"""The nearest vectors, exactly: the same answer whatever the processor and however the work is cut.

A score is the dot product of two float32 vectors summed in float64 and rounded to float32, as
`comma_encoders.retrieval.similarity` has it; equal scores are ordered by row. The fast float32 product only says which
rows can be among the best, by a bound on its rounding.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

Vectors: TypeAlias = Float[np.ndarray, "n dim"]
Queries: TypeAlias = Float[np.ndarray, "_ dim"]
Nearest: TypeAlias = tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]
"""Rows and their scores, best first."""

CHUNK = 65_536
"""Rows of a product at a time."""
FEW = 4
"""For each hit, rows that are scored at once; of more the float32 product says first which can be among the best."""


def score(vectors: Vectors, rows: Int[np.ndarray, " r"], query: Float[np.ndarray, " dim"]) -> Float[np.ndarray, " r"]:
    """Scores of some rows, float32; equal vectors get equal scores."""
    return np.einsum("rd,d->r", vectors[rows].astype(np.float64), query.astype(np.float64)).astype(np.float32)


def best(rows: Int[np.ndarray, " r"], scores: Float[np.ndarray, " r"], k: int) -> Nearest:
    """The k best of these rows: higher score first, then lower row."""
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def rescored(vectors: Vectors, rows: Int[np.ndarray, " r"], query: Float[np.ndarray, " dim"], k: int) -> Nearest:
    """The k best of these rows by their scores, chunk by chunk, so that many rows need little memory."""
    kept, found = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        if len(chunk) > FEW * k:
            chunk = chunk[_in_question(vectors[chunk] @ query, k, vectors.shape[1])]
        scores = score(vectors, chunk, query)
        kept, found = best(np.concatenate([kept, chunk]), np.concatenate([found, scores]), k)
    return kept, found


def brute_force(
    vectors: Vectors, query: Float[np.ndarray, " dim"], k: int, allowed: Bool[np.ndarray, " n"] | None = None
) -> Nearest:
    """The k nearest of all vectors, or of those that are allowed, by looking at each.

    Args:
        vectors: float32, unit length.
        query: float32, unit length.
        k: How many; fewer are returned where there are fewer.
        allowed: True for rows that may be returned.
    """
    rows = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    if len(rows) <= k:
        return rescored(vectors, rows, query, k)
    rough = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), CHUNK):
        part = vectors[start : start + CHUNK] if allowed is None else vectors[rows[start : start + CHUNK]]
        rough[start : start + CHUNK] = part @ query
    return rescored(vectors, rows[_in_question(rough, k, vectors.shape[1])], query, k)


def _in_question(rough: Float[np.ndarray, " rows"], k: int, dim: int) -> Bool[np.ndarray, " rows"]:
    """Which rows can be among the k best, by their float32 products."""
    return rough >= np.partition(rough, -k)[-k] - 2 * rounding(dim)


def rounding(dim: int) -> float:
    """How far a float32 dot product of two unit vectors can be from the true one.

    At most dim * u / (1 - dim * u) with u = 2^-24, in any order of summation (Higham, Accuracy and Stability of
    Numerical Algorithms, 2nd ed., section 3.1); twice that, since the vectors are unit ones only within rounding.
    """
    return dim * 2.0**-23
