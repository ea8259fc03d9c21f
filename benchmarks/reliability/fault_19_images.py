"""Fault 19: damaged images, bombs, 16-bit images, physical scale."""

import random
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
from comma_data.pool import Processes
from comma_data.sample import Record, Refusal
from comma_data.sources.micrographs import read
from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.pixels import collate, scaled

from benchmarks.reliability.odd_images import bombs, mutant, sound_images, tiff
from benchmarks.reliability.outcome import Outcome
from benchmarks.suite.memory import AVAILABLE, extra_peak

FAULT = 19
WHAT = "mutated images, bombs: no death, all typed; 16-bit grey levels and nm per pixel come through"
RISE = 200
"""MiB by which a bomb may raise the resident memory."""
LEVELS = 250
"""Grey levels of a 16-bit ramp that are left after percentile scaling to 8 bits."""
SCALE_ERROR = 1e-3
"""Relative, of nm per pixel through the file and the resize to 224 x 224."""


def run(*, full: bool, folder: Path) -> Outcome:
    """Write the files into the folder and read them, the mutants in worker processes."""
    mutants = _mutants(folder / "mutants", 4_000 if full else 80)
    rises = _bombs(folder / "bombs")
    levels = _levels(folder / "ramp.tif")
    error = max(_scale_error(folder / f"{nm}.tif", nm, side) for nm, side in ((0.02, 97), (0.5, 224), (3.7, 1000)))
    trials = [*mutants, *(rise <= RISE for rise in rises), levels >= LEVELS, error <= SCALE_ERROR]
    note = (
        f"{len(mutants)} mutants; {len(rises)} bombs, memory rose by at most {max(rises):.0f} MiB;"
        f" {levels} grey levels of a 16-bit ramp in 8 bits; nm per pixel off by {error:.1e}"
    )
    return Outcome(tried=len(trials), survived=sum(trials), lost=len(trials) - sum(trials), note=note)


def _mutants(folder: Path, number: int) -> list[bool]:
    """For each mutant, whether it ended as sound records, or as one refusal without the death of a process."""
    folder.mkdir(parents=True)
    rng = random.Random(19)
    sources = list(sound_images().items())
    for i in range(number):
        ending, data = sources[i % len(sources)]
        (folder / f"{i:05d}.{ending}").write_bytes(mutant(data, rng))
    found: dict[str, list[Record | Refusal]] = defaultdict(list)
    for item in read(folder, frames="file", engine=Processes(workers=2)):
        found[item.key if isinstance(item, Refusal) else item.provenance["file"]].append(item)
    return [_sound(found[path.name]) for path in sorted(folder.iterdir())]


def _sound(items: list[Record | Refusal]) -> bool:
    if len(items) == 1 and isinstance(items[0], Refusal):
        return items[0].code not in {"parser-died", "too-costly"}
    pixels = [item.value["pixels"] for item in items if isinstance(item, Record)]
    return 0 < len(pixels) == len(items) and all(image.ndim == 2 and np.isfinite(image).all() for image in pixels)


def _bombs(folder: Path) -> list[float]:
    """MiB by which each bomb raised the memory of the process; infinite where it was not refused."""
    folder.mkdir(parents=True)
    rises = []
    for name, data in bombs().items():
        path = folder / name
        path.write_bytes(data)
        outcomes: list[Record | Refusal] = []
        rises.append(_rise(path, outcomes))
        if len(outcomes) != 1 or not isinstance(outcomes[0], Refusal):
            rises[-1] = np.inf
    return rises


def _rise(path: Path, outcomes: list[Record | Refusal]) -> float:
    work = partial(_collect, path, outcomes)
    if AVAILABLE:
        return extra_peak(work)
    work()
    return 0.0


def _collect(path: Path, outcomes: list[Record | Refusal]) -> None:
    outcomes.extend(read(path))


def _levels(path: Path) -> int:
    """Grey levels of a 16-bit ramp after the encoder's percentile scaling, rounded to 8 bits."""
    path.write_bytes(tiff(np.arange(2**16, dtype=np.uint16).reshape(256, 256)))
    eight = np.round(np.clip((scaled(_only(path).value["pixels"]) + 1) / 2, 0, 1) * 255)
    return len(np.unique(eight))


def _scale_error(path: Path, nm: float, side: int) -> float:
    """Relative error of nm per pixel of the resized square, as the encoder's field of view gives it."""
    pixels = np.random.default_rng(side).integers(0, 2**16, (side, side), dtype=np.uint16)
    path.write_bytes(tiff(pixels, resolution=(1e7 / nm, 1e7 / nm), resolutionunit="CENTIMETER"))
    config = Config(pixels=224, patch=16)
    field = 10 ** float(collate([_only(path).value], config)["scale"][0, 0])
    expected = nm * side / config.pixels
    return abs(field / config.pixels / expected - 1)


def _only(path: Path) -> Record:
    (item,) = read(path)
    if isinstance(item, Refusal):
        raise TypeError(item.message)
    return item
