"""Rates of building and reading beside a pipeline of webdataset and pymatgen, over the Materials Project's structures.

Run in the root of the repository, with COMMA_DATA set:

    python -m benchmarks.data_reading
"""

import os
import random
import statistics
import sys
import tarfile
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from comma_data.build import build
from comma_data.config import Build, Structures
from comma_data.shards import ShardSet

from benchmarks.results_form import row, write_result
from benchmarks.suite import naive

NAME = "data-reading"
COMMAND = "python -m benchmarks.data_reading"
COUNT = 2000
"""Structures, the first of the first archive."""
ROUNDS = 7
"""Alternating repetitions; medians of processor time are quoted."""


def main() -> None:
    """Measure and write the result."""
    root = os.environ.get("COMMA_DATA")
    if not root:
        sys.exit("error: set COMMA_DATA to the folder that benchmarks/DATA.md describes")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen suspects rounding in some of the files
        rows = list(measured(Path(root), Path(folder)))
    write_result(
        NAME,
        what=f"Structures per second of processor time, {COUNT} crystals of the Materials Project, one process: build"
        " from CIF files and read, beside pymatgen and webdataset in the same run",
        command=COMMAND,
        rows=rows,
        seconds=time.monotonic() - start,
    )


def measured(root: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """Rows: rates of both, and the ratio."""
    _unpack(root / "materials-project" / "structures-00.tar.gz", folder / "cifs")
    plan = Build(name="reading", structures=(Structures(path="cifs"),), samples_per_shard=500)
    build(plan, root=folder, out=folder / "warm-up")  # imports
    ours = [_seconds(partial(build, plan, root=folder, out=folder / f"comma-{i}")) for i in range(3)]
    theirs = [_seconds(partial(naive.build, folder / "cifs", folder / f"naive-{i}")) for i in range(3)]
    yield from _rates("build from CIF files", ours, theirs, "CifParser, as_dict as JSON, TarWriter")
    data = ShardSet(folder / "comma-0")
    order = random.Random(0).sample(range(len(data)), len(data))
    ways: dict[str, Callable[[], object]] = {
        "random order, structures only": lambda: deque((data.read(i, modalities={"structure"}) for i in order), 0),
        "random order, whole samples": lambda: deque((data[i] for i in order), 0),
        "stored order, structures only": lambda: deque(data.stream(modalities={"structure"}), 0),
    }
    peer = "webdataset with a shuffle buffer of 1,000, Structure.from_dict"
    times: dict[str, list[float]] = {name: [] for name in (*ways, "peer")}
    for _ in range(ROUNDS):
        times["peer"].append(_seconds(lambda: deque(naive.read(folder / "naive-0"), 0)))
        for name, way in ways.items():
            times[name].append(_seconds(way))
    for name in ways:
        yield from _rates(name, times[name], times["peer"], peer)


def _rates(what: str, ours: list[float], theirs: list[float], peer: str) -> Iterator[dict[str, Any]]:
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    yield row(
        "structures per second", round(COUNT / statistics.median(ours)), n=len(ours), what=what, system="comma-data"
    )
    yield row("structures per second", round(COUNT / statistics.median(theirs)), n=len(theirs), what=what, system=peer)
    yield row("ratio", round(statistics.median(ratios), 1), n=len(ratios), what=what, system="comma-data / peer")


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(archive) as tar:
        taken = 0
        for info in tar:
            if info.isfile() and taken < COUNT:
                (folder / Path(info.name).name).write_bytes(tar.extractfile(info).read())  # type: ignore[union-attr]
                taken += 1


if __name__ == "__main__":
    main()
