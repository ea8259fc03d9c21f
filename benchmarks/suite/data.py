"""From CIF files to shards, and from shards to samples."""

import random
import warnings
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from comma_data.build import build
from comma_data.config import Build, Structures
from comma_data.shards import ShardSet

from benchmarks.suite import naive
from benchmarks.suite.crystals import Crystals
from benchmarks.suite.measure import Measurement, alternate

EPOCHS = 3
"""Passes over the shards in one unit of work."""


def measure_build(crystals: Crystals, pairs: int = 7) -> Iterator[Measurement]:
    """Time whole builds, in this process alone: parsing, guard, folds, hashes and index are in ours."""
    with TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen suspects rounding in some of the files
        folder, fresh = Path(scratch), count()
        crystals.write(folder / "cifs")
        costs = alternate(
            lambda: _build(folder, folder / f"comma-{next(fresh)}"),
            lambda: naive.build(folder / "cifs", folder / f"naive-{next(fresh)}"),
            pairs=pairs,
        )
    yield Measurement(
        name=f"build, {crystals.name}",
        peer="pymatgen CifParser, as_dict as JSON, webdataset TarWriter",
        sizes=f"{len(crystals.cifs)} CIF files, one process",
        costs=costs,
        metric="structures per second",
        items=len(crystals.cifs),
    )


def measure_reading(crystals: Crystals, pairs: int = 7) -> Iterator[Measurement]:
    """Time reading in random order; ours checks every sample's crc32."""
    with TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen suspects rounding in some of the files
        folder = Path(scratch)
        crystals.write(folder / "cifs")
        _build(folder, folder / "comma")
        naive.build(folder / "cifs", folder / "naive")
        shards = ShardSet(folder / "comma")
        if len(shards) != len(crystals.cifs):
            raise RuntimeError(f"{crystals.name}: {len(shards)} of {len(crystals.cifs)} crystals were accepted")
        costs = alternate(lambda: _read(shards), lambda: _read_naive(folder / "naive"), pairs=pairs)
    yield Measurement(
        name=f"read, {crystals.name}",
        peer="webdataset with shuffle, Structure.from_dict",
        sizes=f"{len(shards)} samples in random order, {EPOCHS} times",
        costs=costs,
        metric="samples per second",
        items=EPOCHS * len(shards),
    )


def _build(folder: Path, out: Path) -> None:
    build(Build(name="bench", structures=Structures(path="cifs")), root=folder, out=out)


def _read(shards: ShardSet) -> None:
    rng = random.Random(0)
    for _ in range(EPOCHS):
        deque((shards[i] for i in rng.sample(range(len(shards)), len(shards))), maxlen=0)


def _read_naive(folder: Path) -> None:
    for _ in range(EPOCHS):
        deque(naive.read(folder), maxlen=0)
