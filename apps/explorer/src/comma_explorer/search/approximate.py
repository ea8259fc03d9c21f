"""Nearly exact search in inverted lists (faiss), with as many probes as it takes to find what held-back queries have.

The lists hold product codes, four bits for every two dimensions, that are compared in registers (`IndexIVFPQFastScan`;
André, Kermarrec and Le Scouarnec, Quicker ADC, 10.1109/TPAMI.2019.2952606); the best candidates are scored and ordered
by their vectors, as in exact search.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from comma_data.storage import complete_file
from jaxtyping import Float, Int

from comma_explorer.search.errors import DamagedIndexError
from comma_explorer.search.exact import CHUNK, Nearest, Vectors, rescored, rounding

LARGE = 50_000
"""Vectors from which on lists are made."""
GOAL = 0.993
"""Share of the true neighbours that each half of the held-back queries has to find: 0.99 and a standard error."""
NEIGHBOURS = 10
TRAINED_ON = 64
"""Vectors for each list, from which its centre is learnt; faiss asks for 39 at least."""
ROUNDS = 10
BITS = 4
KEPT, LEAST_KEPT = 10, 64
"""Candidates for each hit, and at least, that are scored exactly."""
SEED = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Lists:
    """Inverted lists, and how they are searched."""

    index: Any
    """`faiss.IndexIVFPQFastScan`."""
    probes: int
    recall: Mapping[str, float]
    """Name of a group of held-back queries -> share of their true neighbours that is found."""


def lists_for(vectors: int) -> int:
    """Number of lists: the power of two nearest to twice the root of the number of vectors."""
    return 2 ** max(0, round(np.log2(2 * np.sqrt(vectors))))


def make(vectors: Vectors, queries: Mapping[str, Vectors], *, own: str | None = None) -> Lists:
    """Learn the centres, fill the lists, and choose the probes.

    Args:
        vectors: float32, unit length.
        queries: Name of a group -> queries, e.g. vectors of each modality; at least one group.
        own: The group whose queries stand among the vectors: that each finds itself does not count.
    """
    number = lists_for(len(vectors))
    dim = vectors.shape[1]
    parts = dim // 2 if dim % 2 == 0 else dim
    index = faiss.IndexIVFPQFastScan(faiss.IndexFlatIP(dim), dim, number, parts, BITS, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.seed, index.cp.max_points_per_centroid = ROUNDS, SEED, TRAINED_ON
    index.cp.spherical = True  # the quantiser compares by inner product
    chosen = np.random.default_rng(SEED).permutation(len(vectors))[: number * TRAINED_ON]
    index.train(np.ascontiguousarray(vectors[np.sort(chosen)]))
    for start in range(0, len(vectors), CHUNK):
        index.add(np.ascontiguousarray(vectors[start : start + CHUNK]))
    truth = {name: _truth(vectors, asked, skip=name == own) for name, asked in queries.items()}
    for probes in _ladder(number):
        shares = {name: _share(vectors, index, queries[name], probes, truth[name]) for name in queries}
        if all(half.mean() >= GOAL for share in shares.values() for half in np.array_split(share, 2) if len(half)):
            break
    return Lists(index=index, probes=probes, recall={name: float(share.mean()) for name, share in shares.items()})


def nearest(vectors: Vectors, lists: Lists, query: Float[np.ndarray, " dim"], k: int) -> Nearest:
    """The k best of what the probed lists hold; fewer where these hold fewer."""
    rows = _probed(lists.index, query[None], _kept(k), lists.probes)[0]
    return rescored(vectors, rows[rows >= 0], query, k)


def _kept(k: int) -> int:
    """Candidates that are scored exactly."""
    return max(LEAST_KEPT, KEPT * k)


def _probed(index: Any, queries: Vectors, k: int, probes: int) -> Int[np.ndarray, "queries k"]:
    """Rows of the best candidates by their codes, -1 where the lists hold fewer."""
    options: Any = faiss.SearchParametersIVF  # its stub lacks the keywords; set on the index they would be shared
    rows: np.ndarray = index.search(queries, k, params=options(nprobe=probes))[1]
    return rows


def _ladder(most: int) -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12, ... and the most."""
    steps = sorted({s for i in range(32) for s in (2**i, 3 * 2**i) if s < most})
    yield from (*steps, most)


def _truth(vectors: Vectors, queries: Vectors, *, skip: bool) -> tuple[np.ndarray, int]:
    """The score that the last true neighbour of each query has, and which neighbour it is, from 0."""
    last = min(NEIGHBOURS + skip, len(vectors)) - 1
    scores = faiss.knn(queries, vectors, last + 1, metric=faiss.METRIC_INNER_PRODUCT)[0]
    return scores[:, last], last


def _share(vectors: Vectors, index: Any, queries: Vectors, probes: int, truth: tuple[np.ndarray, int]) -> np.ndarray:
    """Share of the true neighbours of each query that is found, (q,); any that ties with the last one counts."""
    least, last = truth
    lists = Lists(index=index, probes=probes, recall={})
    scores = [nearest(vectors, lists, query, last + 1)[1] for query in queries]
    found = np.array(
        [(s >= bound - 2 * rounding(vectors.shape[1])).sum() for s, bound in zip(scores, least, strict=True)]
    )
    itself = int(last == NEIGHBOURS)  # a query that stands among the vectors finds itself: no merit
    return np.maximum(found - itself, 0) / max(last + 1 - itself, 1)


@lru_cache(maxsize=8)
def opened(path: str) -> Any:
    """Inverted lists from a file, memory-mapped, and kept for the next query.

    Raises:
        DamagedIndexError: It cannot be read.
    """
    try:
        return faiss.read_index(path, faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        raise DamagedIndexError(f"{path} cannot be read by faiss; build the index again") from error


def save(lists: Lists, path: Path) -> None:
    """Write the lists into a file that is complete or not there."""
    with complete_file(path) as file:
        file.write(faiss.serialize_index(lists.index).tobytes())
