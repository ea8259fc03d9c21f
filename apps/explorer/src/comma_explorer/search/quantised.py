"""Exact search through 8-bit codes: a scan that reads an eighth to a quarter of the bytes, and proves what it leaves.

Vectors are turned so that their first directions hold most of their length (principal axes, not centred); the first
`prefix` of these are kept in 8 bits. With a = the prefix of a vector, c its code, s its scale and b what is left out,
and with the same parts u and v of the query and w the query's own code,

    u.a + v.b <= s w.c + |u - w| |s c| + |u| |a - s c| + |v| |b|

where |a - s c| and |b| are stored with the code, rounded up. A row whose bound lies below the k-th best exact score
among some rows cannot be among the k best; all others are scored exactly. The answer is that of brute force, whatever
the vectors; only the time depends on them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int8

from comma_explorer.search.exact import CHUNK, Nearest, Queries, Vectors, brute_force, rescored

LARGE = 50_000
"""Vectors from which on codes are made: below, the plain product takes a millisecond or two."""
TRIED = 64
"""Sample queries for which a prefix is judged."""
FEW = 1000
"""A prefix is good enough where a median query leaves one row in this many to be scored exactly."""
MANY = 20
"""Where a query leaves more than one row in this many, the plain product is faster."""
FIRST = 32
"""Blocks of rows, those of the highest bounds, from which the k-th best score is guessed."""
SLACK = 1e-5
"""For the float32 arithmetic of the scan: six operations on numbers below 4, each within 2^-24 of its size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Codes:
    """The 8-bit form of one modality's vectors."""

    codes: Int8[np.ndarray, "n prefix"]
    bounds: Float[np.ndarray, "n 3"]
    """float32: scale, error of the codes, length of what is left out; the last two rounded up."""
    axes: Float[np.ndarray, "dim dim"]
    """float64, orthogonal; a vector times this has its longest directions first."""

    def parts(self) -> Mapping[str, np.ndarray]:
        """Name of a file -> array."""
        return {"codes": self.codes, "bounds": self.bounds, "axes": self.axes}


def principal_axes(vectors: Vectors) -> Float[np.ndarray, "dim dim"]:
    """Eigenvectors of the mean outer product, the largest first, in float64."""
    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for chunk in _chunks(vectors):
        total += chunk.T @ chunk
    return np.linalg.eigh(total)[1][:, ::-1].copy()


def encode(turned: Float[np.ndarray, "n dim"], prefix: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, prefix) int8 and bounds (n, 3) float32 of vectors along the principal axes."""
    head, rest = turned[:, :prefix], turned[:, prefix:]
    scale = (np.maximum(np.abs(head).max(axis=1), 1e-30) / 127).astype(np.float32)
    codes = np.clip(np.rint(head / scale[:, None].astype(np.float64)), -127, 127).astype(np.int8)
    error = np.linalg.norm(head - codes * scale[:, None].astype(np.float64), axis=1)
    lengths = np.column_stack([error, np.linalg.norm(rest, axis=1)]) * (1 + 1e-6) + 1e-9  # never rounded down
    return codes, np.column_stack([scale, lengths.astype(np.float32)])


def make(vectors: Vectors, queries: Queries, *, prefix: int | None = None) -> Codes:
    """Codes of all vectors, with the shortest prefix that is good enough for sample queries.

    Args:
        vectors: float32, unit length, at least one.
        queries: Some that might be asked, unit length.
        prefix: Directions to keep; None tries a quarter, a half, three quarters and all.
    """
    axes = principal_axes(vectors)
    length = prefix or _prefix(vectors, queries, axes)
    codes = np.empty((len(vectors), length), dtype=np.int8)
    bounds = np.empty((len(vectors), 3), dtype=np.float32)
    for number, chunk in enumerate(_chunks(vectors)):
        place = slice(number * CHUNK, number * CHUNK + len(chunk))
        codes[place], bounds[place] = encode(chunk @ axes, length)
    return Codes(codes=codes, bounds=bounds, axes=axes)


def nearest(
    vectors: Vectors,
    made: Codes,
    query: Float[np.ndarray, " dim"],
    k: int,
    allowed: Bool[np.ndarray, " n"] | None = None,
) -> Nearest:
    """The k nearest of all vectors, or of those that are allowed: what `brute_force` gives, sooner."""
    upper, least = _bounded(vectors, made, query, k, allowed)
    candidates = np.flatnonzero(upper >= least)
    if len(candidates) < k or len(candidates) * MANY > len(vectors):
        return brute_force(vectors, query, k, allowed)
    return rescored(vectors, candidates, query, k)


def _bounded(
    vectors: Vectors, made: Codes, query: np.ndarray, k: int, allowed: np.ndarray | None
) -> tuple[np.ndarray, float]:
    """A bound of each row's score, (n,), and a score that the k-th best reaches."""
    from comma_explorer.search.kernel import BLOCK, upper_bounds  # noqa: PLC0415 - numba takes half a second

    n, prefix = made.codes.shape
    code, weights = _asked(query, made.axes, prefix)
    upper = np.empty(n, dtype=np.float32)
    highest = np.empty(-(-n // BLOCK), dtype=np.float32)
    every = np.zeros(0, dtype=bool) if allowed is None else allowed
    upper_bounds(made.codes, made.bounds, code, weights, every, upper, highest)
    blocks = np.argsort(-highest, kind="stable")[: max(FIRST, -(-2 * k // BLOCK))]
    rows = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
    rows = rows[rows < n]
    first = rows[np.argpartition(-upper[rows], min(4 * k, len(rows) - 1))[: 4 * k]]
    _, scores = rescored(vectors, first[np.isfinite(upper[first])], query, k)
    return upper, float(scores[-1]) if len(scores) == k else -np.inf


def _asked(query: np.ndarray, axes: np.ndarray, prefix: int) -> tuple[np.ndarray, np.ndarray]:
    """The query's code, (prefix,) int16, and the four weights of the kernel."""
    turned = query.astype(np.float64) @ axes
    head = turned[:prefix]
    # so that 127 times the sum of its parts stays in 32 bits
    step = max(np.abs(head).max() / 32_767, np.abs(head).sum() / 1.6e7, 1e-30)
    code = np.rint(head / step)
    lost = float(np.linalg.norm(head - code * step)) * 1.01
    weights = (step, np.linalg.norm(head) * (1 + 1e-6), np.linalg.norm(turned[prefix:]) * (1 + 1e-6), lost + SLACK)
    return code.astype(np.int16), np.array(weights, dtype=np.float32)


def _prefix(vectors: Vectors, queries: Queries, axes: np.ndarray) -> int:
    """The fewest directions, in quarters, with which a median query leaves few rows; judged on a sample of rows."""
    dim = vectors.shape[1]
    sample = np.ascontiguousarray(vectors[:: max(1, len(vectors) // (4 * CHUNK))])
    turned = sample.astype(np.float64) @ axes
    for length in sorted({max(1, dim * quarter // 4) for quarter in (1, 2, 3)}):
        codes, bounds = encode(turned, length)
        made = Codes(codes=codes, bounds=bounds, axes=axes)
        if np.median([_left(sample, made, query) for query in queries]) * FEW <= len(sample):
            return length
    return dim


def _left(vectors: Vectors, made: Codes, query: np.ndarray) -> int:
    """Rows that have to be scored exactly."""
    upper, least = _bounded(vectors, made, query, min(10, len(vectors)), None)
    return int((upper >= least).sum())


def _chunks(vectors: Vectors) -> Iterator[np.ndarray]:
    for start in range(0, len(vectors), CHUNK):
        yield vectors[start : start + CHUNK].astype(np.float64)
