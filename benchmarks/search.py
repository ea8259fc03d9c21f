"""Search in a million vectors: latency, recall, build time and memory, beside a plain product in numpy.

Run in the root of the repository, with 8 GiB of free memory:

    python -m benchmarks.search --index INDEX

INDEX is what `comma search build DATA` made of the Materials Project and text-mined recipes (benchmarks/DATA.md).
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from comma_explorer.search import approximate, quantised
from comma_explorer.search.exact import Nearest, brute_force
from comma_explorer.search.index import Index

from benchmarks.results_form import RESULTS, ROOT, row, write_result
from benchmarks.suite import load
from benchmarks.suite.measure import RATIO, interval

SIZE, SMOKE = 1_000_000, 30_000
DIMS = (128, 256)
K = 10
TUNED, TIMED = 1024, 300
"""Queries with which prefix and probes are chosen, and others that are timed and judged."""
FORMULA = 50
"""Vectors around one centre, on average."""
WARM = 5
PIECE = 100_000
PEER = "numpy float32, product and argpartition"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """Vectors, and queries that do not stand among them."""

    name: str
    vectors: np.ndarray
    tuned: np.ndarray
    timed: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of each query: by the clock, and of this thread on a processor, which other work disturbs less."""

    wall: Sequence[float]
    processor: Sequence[float]


def mixture(size: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors with what trained embeddings have: clusters, a falling spectrum, and a mean that is not zero.

    A centre for every `FORMULA` vectors, drawn with a standard deviation falling as (i + 1)^-0.7 over the directions;
    around it 0.35 of the same spread; half a length added along one direction; all turned by a random rotation.
    """
    spread = (np.arange(dim) + 1.0) ** -0.7
    centres = rng.standard_normal((max(1, size // FORMULA), dim)) * spread
    shift = 0.5 * np.linalg.norm(spread) * np.eye(dim)[0]
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0]

    def piece(number: int) -> np.ndarray:
        around = centres[rng.integers(0, len(centres), number)]
        return (around + 0.35 * rng.standard_normal((number, dim)) * spread + shift) @ turn

    return _drawn(size, dim, piece)


def isotropic(size: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors without any structure: the hardest for every index, and like no embedding."""
    return _drawn(size, dim, lambda number: rng.standard_normal((number, dim)))


def _drawn(size: int, dim: int, piece: Callable[[int], np.ndarray]) -> np.ndarray:
    """Unit vectors, drawn a piece at a time."""
    vectors = np.empty((size, dim), dtype=np.float32)
    for start in range(0, size, PIECE):
        drawn = piece(min(PIECE, size - start))
        vectors[start : start + PIECE] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return vectors


def main() -> None:
    """Measure and write the result."""
    asked = _asked()
    start, load_before = time.perf_counter(), load.reading()
    faiss.omp_set_num_threads(1)
    size = SMOKE if asked.smoke else SIZE
    drawn = isotropic(1000, DIMS[0], np.random.default_rng(0))
    quantised.make(drawn, drawn[:TUNED])  # compiles
    rows = [line for case in _cases(size, asked.index) for line in _rows(case)]
    rows.append(row("cores taken by other processes", load.others_since(load_before), n=1, vectors="machine"))
    path = write_result(
        "search",
        what=(
            f"Ten nearest of {size:,} vectors for one query, one query after the other on one thread, after loading: "
            "exact by 8-bit codes with a proof and by inverted lists, beside a plain product. `mixture` imitates "
            "embeddings (clusters of 50, spectrum falling as i^-0.7, mean not zero; benchmarks/search.py), `isotropic` "
            "has no structure, comma-small is real vectors. Recall is of queries that were not used to tune. Other "
            "work ran beside it: see the last row"
        ),
        command="OMP_NUM_THREADS=1 python -m benchmarks.search --index INDEX",
        rows=rows,
        seconds=time.perf_counter() - start,
        folder=ROOT / "build" if asked.smoke else RESULTS,
    )
    print(f"wrote {path}", file=sys.stderr)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE:,} vectors, and the result goes to build/")
    parser.add_argument("--index", type=Path, help="an index of comma-small, for real vectors")
    return parser.parse_args()


def _cases(size: int, index: Path | None) -> Iterator[Case]:
    if index is not None:
        yield from _real(Index.open(index))
    for make in (mixture, isotropic):
        for dim in DIMS:
            drawn = make(size + TUNED + TIMED, dim, np.random.default_rng(0))
            yield Case(
                name=f"{make.__name__}, {size:,} x {dim}",
                vectors=np.ascontiguousarray(drawn[:size]),
                tuned=np.ascontiguousarray(drawn[size : size + TUNED]),
                timed=np.ascontiguousarray(drawn[size + TUNED :]),
            )


def _real(index: Index) -> Iterator[Case]:
    """Structures that protocols are asked for, and the other way round."""
    vectors = {name: np.array(index.galleries[name].vectors) for name in ("structure", "text")}
    for wanted, asking in (("structure", "text"), ("text", "structure")):
        chosen = np.random.default_rng(0).permutation(len(vectors[asking]))[: TUNED + TIMED]
        yield Case(
            name=f"comma-small, {asking} -> {wanted}, {len(vectors[wanted]):,} x {vectors[wanted].shape[1]}",
            vectors=vectors[wanted],
            tuned=np.ascontiguousarray(vectors[asking][chosen[:TUNED]]),
            timed=np.ascontiguousarray(vectors[asking][chosen[TUNED:]]),
        )


def _rows(case: Case) -> Iterator[dict[str, Any]]:
    print(case.name, file=sys.stderr, flush=True)
    labels: dict[str, Any] = {"vectors": case.name}
    yield row("MiB", case.vectors.nbytes / 2**20, n=1, search="the vectors", **labels)
    plain = _timed(case, lambda query: _plain(case.vectors, query))[0]
    true = [brute_force(case.vectors, query, K) for query in case.timed]
    yield from _exact(case, plain, true, labels)
    if not case.name.startswith(isotropic.__name__):  # lists are no use for these
        yield from _approximate(case, plain, true, labels)


def _exact(case: Case, plain: Times, true: Sequence[Nearest], labels: dict[str, Any]) -> Iterator[dict[str, Any]]:
    labels = {"search": "exact", **labels}
    start = time.perf_counter()
    codes = quantised.make(case.vectors, case.tuned)
    made = time.perf_counter() - start
    times, found = _timed(case, lambda query: quantised.nearest(case.vectors, codes, query, K))
    same = sum((t[0] == f[0]).all() and (t[1] == f[1]).all() for t, f in zip(true, found, strict=True))
    yield from _latency(times, plain, labels)
    yield row("queries answered as by brute force", int(same), n=len(true), **labels)
    yield row("directions in the codes", codes.codes.shape[1], n=1, **labels)
    yield row("build seconds", made, n=1, **labels)
    yield row("MiB", sum(part.nbytes for part in codes.parts().values()) / 2**20, n=1, **labels)


def _approximate(case: Case, plain: Times, true: Sequence[Nearest], labels: dict[str, Any]) -> Iterator[dict[str, Any]]:
    labels = {"search": "approximate", **labels}
    start = time.perf_counter()
    lists = approximate.make(case.vectors, {"held back": case.tuned})
    yield row("build seconds", time.perf_counter() - start, n=1, **labels)
    yield row("lists", 0 if lists is None else lists.number, n=1, **labels)
    if lists is None:  # these vectors are searched exactly
        return
    times, found = _timed(case, lambda query: approximate.nearest(case.vectors, lists, query, K))
    recall = [float((f[1] >= t[1][-1]).sum() / K) for t, f in zip(true, found, strict=True)]
    yield from _latency(times, plain, labels)
    yield row("recall of ten", float(np.mean(recall)), n=len(recall), **labels)
    yield row("recall of ten when built", lists.recall["held back"], n=len(case.tuned), **labels)
    yield row("lists probed", lists.probes, n=1, **labels)
    yield row("candidates", lists.candidates, n=1, **labels)
    yield row("MiB", len(faiss.serialize_index(lists.index)) / 2**20, n=1, **labels)


def _latency(ours: Times, theirs: Times, labels: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for by, times in (("comma", ours), (PEER, theirs)):
        for metric, seconds in (("median ms", times.wall), ("median ms of the processor", times.processor)):
            low, high = interval([1000 * value for value in seconds])
            yield row(metric, 1000 * median(seconds), n=len(seconds), low=low, high=high, by=by, **labels)
    yield row(RATIO, median(theirs.wall) / median(ours.wall), n=len(ours.wall), peer=PEER, **labels)


def _plain(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """What one writes without a library."""
    scores = vectors @ query
    first = np.argpartition(scores, -K)[-K:]
    ordered: np.ndarray = first[np.argsort(-scores[first])]
    return ordered


def _timed(case: Case, search: Callable[[np.ndarray], Any]) -> tuple[Times, list[Any]]:
    """Times and answers of the queries, one after the other; the first ones are asked once uncounted before."""
    for query in case.timed[:WARM]:
        search(query)
    wall, processor, answers = [], [], []
    for query in case.timed:
        start, busy = time.perf_counter(), time.thread_time()
        answers.append(search(query))
        processor.append(time.thread_time() - busy)
        wall.append(time.perf_counter() - start)
    return Times(wall=wall, processor=processor), answers


if __name__ == "__main__":
    main()
