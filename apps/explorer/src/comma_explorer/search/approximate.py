"""Nearly exact search in inverted lists (faiss), looking as far as it takes to find what held-back queries have.

The lists are made in the principal directions that hold nearly all of the vectors' length. They keep four bits for
each, which are compared in registers (`IndexIVFPQFastScan`; André, Kermarrec and Le Scouarnec, Quicker ADC,
10.1109/TPAMI.2019.2952606); the best candidates are scored and ordered by their vectors, as in exact search.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from comma_data.storage import complete_file
from jaxtyping import Float

from comma_explorer.search.errors import DamagedIndexError
from comma_explorer.search.exact import CHUNK, Nearest, Queries, Vectors, rescored, rounding

_faiss: Any = faiss  # its stub knows neither these constructors nor their keywords
LARGE = 50_000
"""Vectors from which on lists are made."""
GOAL = 0.993
"""Share of the true neighbours that the held-back queries have to find: 0.99, and a standard error of a thousand."""
NEIGHBOURS = 10
TRAINED_ON = 40
"""Vectors for each list, from which its centre is learnt; faiss asks for 39 at least."""
ROUNDS = 6
BITS = 4
HELD = 0.95
"""Share of the squared length that the directions hold; their number is a multiple of `STRIDE`."""
STRIDE = 16
SEED = 0
CANDIDATES = (64, 128, 256, 512, 1024)
"""For ten hits, how many of the best by their codes may be scored exactly."""
APART = 4
"""What a byte of a candidate's vector costs, in bytes of codes: these are read one after the other, those are not."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lists:
    """Inverted lists, and how they are searched."""

    index: Any
    """`faiss.IndexPreTransform` of the directions, with an `IndexIVFPQFastScan` behind it."""
    number: int
    """Of lists."""
    probes: int
    candidates: int
    """Scored exactly for ten hits; in proportion for more."""
    recall: Mapping[str, float]
    """Name of a group of held-back queries -> share of their true neighbours that is found."""


def lists_for(vectors: int) -> int:
    """Number of lists: the power of two nearest to four times the root of the number of vectors."""
    return 2 ** max(0, round(np.log2(4 * np.sqrt(vectors))))


def make(vectors: Vectors, queries: Mapping[str, Queries], *, own: str | None = None) -> Lists | None:
    """Learn the centres, fill the lists, and choose candidates and probes.

    Args:
        vectors: float32, unit length.
        queries: Name of a group -> queries, e.g. vectors of each modality; at least one group.
        own: The group whose queries stand among the vectors: that each finds itself does not count.

    Returns:
        The lists, or None where even all of them would miss too much: such vectors are searched exactly.
    """
    number = lists_for(len(vectors))
    index = _filled(vectors, number)
    truth = {name: _truth(vectors, asked, skip=name == own) for name, asked in queries.items()}

    def tried(probes: int, candidates: int) -> Lists:
        lists = Lists(index=index, number=number, probes=probes, candidates=candidates, recall={})
        shares = {name: _share(vectors, lists, asked, truth[name]) for name, asked in queries.items()}
        return replace(lists, recall=shares)

    enough = [found for candidates in CANDIDATES if (found := _fewest_probes(number, candidates, tried))]
    return min(enough, key=lambda lists: _bytes(lists, vectors.shape[1]), default=None)


def _fewest_probes(most: int, candidates: int, tried: Callable[[int, int], Lists]) -> Lists | None:
    """The fewest probes with which so many candidates find enough; None where all lists are not enough."""
    if _least(best := tried(most, candidates)) < GOAL:
        return None
    ladder = list(_ladder(most))
    low, high = 0, len(ladder) - 1
    while low < high:
        middle = (low + high) // 2
        if _least(found := tried(ladder[middle], candidates)) >= GOAL:
            high, best = middle, found
        else:
            low = middle + 1
    return best


def _bytes(lists: Lists, dim: int) -> float:
    """What a query reads, with `APART`: the cost by which settings are compared, the same in every build."""
    directions = lists.index.index.d
    codes = lists.probes * lists.index.ntotal / lists.number * directions * BITS / 8
    return float(codes + APART * lists.candidates * dim * 4)


def _filled(vectors: Vectors, number: int) -> Any:
    """The lists with all vectors."""
    chosen = np.random.default_rng(SEED).permutation(len(vectors))[: number * TRAINED_ON]
    sample = np.ascontiguousarray(vectors[np.sort(chosen)])
    axes = _axes(sample)
    most = axes.shape[1]
    lists = faiss.IndexIVFPQFastScan(faiss.IndexFlatIP(most), most, number, most, BITS, faiss.METRIC_INNER_PRODUCT)
    lists.cp.niter, lists.cp.seed, lists.cp.max_points_per_centroid = ROUNDS, SEED, TRAINED_ON
    lists.cp.spherical = True  # the quantiser compares by inner product
    turn = _faiss.LinearTransform(*axes.shape, False)  # noqa: FBT003 - its only constructor
    faiss.copy_array_to_vector(np.ascontiguousarray(axes.T).ravel(), turn.A)
    turn.is_trained = True
    index = faiss.IndexPreTransform(turn, lists)
    index.train(sample)
    for start in range(0, len(vectors), CHUNK):
        index.add(np.ascontiguousarray(vectors[start : start + CHUNK]))
    return index


def _axes(sample: Vectors) -> Float[np.ndarray, "dim directions"]:
    """The fewest principal directions that hold enough, as columns."""
    held, axes = np.linalg.eigh(sample.astype(np.float64).T @ sample)
    share = np.cumsum(held[::-1]) / held.sum()
    enough = int(np.searchsorted(share, HELD)) + 1
    return axes[:, ::-1][:, : min(-(-enough // STRIDE) * STRIDE, len(held))].astype(np.float32)


def _least(lists: Lists) -> float:
    return min(lists.recall.values())


def nearest(vectors: Vectors, lists: Lists, query: Float[np.ndarray, " dim"], k: int) -> Nearest:
    """The k best of what the probed lists hold; fewer where these hold fewer."""
    candidates = max(lists.candidates, -(-lists.candidates * k // NEIGHBOURS))
    # set on the index they would be shared
    options = _faiss.SearchParametersPreTransform(index_params=_faiss.SearchParametersIVF(nprobe=lists.probes))
    rows = lists.index.search(query[None], candidates, params=options)[1][0]
    return rescored(vectors, rows[rows >= 0], query, k)


def _ladder(most: int) -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12, ... and the most."""
    steps = sorted({s for i in range(32) for s in (2**i, 3 * 2**i) if s < most})
    yield from (*steps, most)


def _truth(vectors: Vectors, queries: Queries, *, skip: bool) -> tuple[np.ndarray, int]:
    """The score that the last true neighbour of each query has, and which neighbour it is, from 0."""
    last = min(NEIGHBOURS + skip, len(vectors)) - 1
    scores = faiss.knn(queries, vectors, last + 1, metric=faiss.METRIC_INNER_PRODUCT)[0]
    return scores[:, last], last


def _share(vectors: Vectors, lists: Lists, queries: Queries, truth: tuple[np.ndarray, int]) -> float:
    """Share of the true neighbours that is found; ties with the last count."""
    least, last = truth
    bounds = least - 2 * rounding(vectors.shape[1])
    pairs = zip(queries, bounds, strict=True)
    found = np.array([(nearest(vectors, lists, query, last + 1)[1] >= bound).sum() for query, bound in pairs])
    itself = int(last == NEIGHBOURS)  # a query that stands among the vectors finds itself: no merit
    return float((np.maximum(found - itself, 0) / max(last + 1 - itself, 1)).mean())


def opened(path: Path) -> Any:
    """Inverted lists from a file, memory-mapped.

    Raises:
        DamagedIndexError: It cannot be read.
    """
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        raise DamagedIndexError(f"{path} cannot be read by faiss; build the index again") from error
    if not isinstance(index, faiss.IndexPreTransform):
        raise DamagedIndexError(f"{path} holds lists of another kind; build the index again")
    return index


def save(lists: Lists, path: Path) -> None:
    """Write the lists into a file that is complete or not there."""
    with complete_file(path) as file:
        file.write(faiss.serialize_index(lists.index).tobytes())
