"""Nearly exact search along a graph of neighbours (faiss), as far as it takes to find what held-back queries have.

The graph is a hierarchical navigable small world (Malkov and Yashunin 2020, 10.1109/TPAMI.2018.2889473) over the
vectors in 8 bits a dimension; the best that it finds are scored and ordered by their vectors, as in exact search.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from comma_data.storage import complete_file
from jaxtyping import Float

from comma_explorer.search.errors import DamagedIndexError
from comma_explorer.search.exact import CHUNK, Nearest, Queries, Vectors, rescored, rounding

_faiss: Any = faiss  # its stub knows neither these arguments nor this class
LARGE = 50_000
"""Vectors from which on a graph is made."""
GOAL = 0.993
"""Share of the true neighbours that each half of the held-back queries has to find: 0.99 and a standard error."""
NEIGHBOURS = 10
LINKS = 32
"""Of each vector, to others; twice as many in the lowest layer."""
CARE = 96
"""Candidates among which the links of a new vector are chosen."""
BREADTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Candidates that a query may keep while it walks."""
SCORED = 3
"""For each hit, how many of the candidates are scored by their vectors: 8 bits confuse near ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A graph of neighbours, and how it is searched."""

    index: Any
    """`faiss.IndexHNSWSQ`."""
    breadth: int
    """Candidates that a query for ten hits keeps; in proportion for more."""
    recall: Mapping[str, float]
    """Name of a group of held-back queries -> share of their true neighbours that is found, in the worse half."""


def make(vectors: Vectors, queries: Mapping[str, Queries], *, own: str | None = None) -> Graph | None:
    """Link the vectors, and choose the least breadth that finds enough.

    Args:
        vectors: float32, unit length.
        queries: Name of a group -> queries, e.g. vectors of each modality; at least one group.
        own: The group whose queries stand among the vectors: that each finds itself does not count.

    Returns:
        The graph, or None where even the greatest breadth would miss too much: such vectors are searched exactly.
    """
    index = _linked(vectors)
    truth = {name: _truth(vectors, asked, skip=name == own) for name, asked in queries.items()}

    def tried(breadth: int) -> Graph:
        graph = Graph(index=index, breadth=breadth, recall={})
        shares = {name: _share(vectors, graph, asked, truth[name]) for name, asked in queries.items()}
        return replace(graph, recall=shares)

    return _least(tried)


def _least(tried: Callable[[int], Graph]) -> Graph | None:
    """The least breadth that finds enough, or None."""
    enough = (graph for breadth in BREADTHS if min((graph := tried(breadth)).recall.values()) >= GOAL)
    return next(enough, None)


def _linked(vectors: Vectors) -> Any:
    """The graph of all vectors; the same vectors give the same graph."""
    # unit vectors: the order by distance is that by dot product, and distances suit a graph
    index = _faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, LINKS, faiss.METRIC_L2)
    index.hnsw.efConstruction = CARE
    chosen = np.random.default_rng(0).permutation(len(vectors))[:CHUNK]
    index.train(np.ascontiguousarray(vectors[np.sort(chosen)]))
    with _one_thread():  # several link in an order of chance
        for start in range(0, len(vectors), CHUNK):
            index.add(np.ascontiguousarray(vectors[start : start + CHUNK]))
    return index


@contextmanager
def _one_thread() -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def nearest(vectors: Vectors, graph: Graph, query: Float[np.ndarray, " dim"], k: int) -> Nearest:
    """The k best of what the walk meets; fewer where it meets fewer."""
    breadth = max(graph.breadth, -(-graph.breadth * k // NEIGHBOURS))
    options = _faiss.SearchParametersHNSW(efSearch=breadth)  # set on the index it would be shared
    scored = max(k, min(SCORED * k, breadth))
    rows = graph.index.search(query[None], scored, params=options)[1][0]
    return rescored(vectors, rows[rows >= 0], query, k)


def _truth(vectors: Vectors, queries: Queries, *, skip: bool) -> tuple[np.ndarray, int]:
    """The score that the last true neighbour of each query has, and which neighbour it is, from 0."""
    last = min(NEIGHBOURS + skip, len(vectors)) - 1
    scores = faiss.knn(queries, vectors, last + 1, metric=faiss.METRIC_INNER_PRODUCT)[0]
    return scores[:, last], last


def _share(vectors: Vectors, graph: Graph, queries: Queries, truth: tuple[np.ndarray, int]) -> float:
    """Share of the true neighbours that is found, the lesser of two halves of the queries; ties with the last count."""
    least, last = truth
    bounds = least - 2 * rounding(vectors.shape[1])
    pairs = zip(queries, bounds, strict=True)
    found = np.array([(nearest(vectors, graph, query, last + 1)[1] >= bound).sum() for query, bound in pairs])
    itself = int(last == NEIGHBOURS)  # a query that stands among the vectors finds itself: no merit
    shares = np.maximum(found - itself, 0) / max(last + 1 - itself, 1)
    return min(float(half.mean()) for half in np.array_split(shares, 2) if len(half))


@lru_cache(maxsize=8)
def opened(path: str, changed: int) -> Any:  # noqa: ARG001 - tells an index from one that was built in its place later
    """A graph from a file, memory-mapped, and kept for the next query.

    Args:
        path: The file.
        changed: When it was written.

    Raises:
        DamagedIndexError: It cannot be read.
    """
    try:
        return faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        raise DamagedIndexError(f"{path} cannot be read by faiss; build the index again") from error


def save(graph: Graph, path: Path) -> None:
    """Write the graph into a file that is complete or not there."""
    with complete_file(path) as file:
        file.write(faiss.serialize_index(graph.index).tobytes())
