"""Samples a second that one worker makes ready, beside what training steps of the smallest models take.

Run in the root of the repository, on a quiet machine:

    python -m benchmarks.loader DATA [--modalities structure text] [--modalities structure text image xrd]

A sample is made ready when its values are read, drawn, varied and collated: graphs built, texts tokenized, pictures
and patterns scaled. Steps are those of the stage `align`, on batches that are there already.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import torch
from comma_align.config import Run
from comma_align.loop import Loop, Place
from comma_align.stage import Stage
from comma_align.steps import Part
from comma_align.train import Job, prepare
from torch.utils.data import DataLoader

from benchmarks.results_form import row, write_result
from benchmarks.suite.measure import interval
from benchmarks.suite.run import THREADS

BATCH = 128
ALIGNED = (("structure", "text"), ("structure", "text", "composition"))
GOAL = 5.0
READY = "samples per second, one worker alone"
TAKEN = "samples per second, training steps alone"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every set of modalities and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="data sets of `comma data build`")
    parser.add_argument("--modalities", nargs="+", action="append", help=f"by default {ALIGNED}")
    parser.add_argument("--batches", type=int, default=20, help="counted batches, after a warm-up of three")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(THREADS)
    start = time.perf_counter()
    sets = [tuple(names) for names in asked.modalities or ALIGNED]
    rows = [line for data in asked.data for names in sets for line in _measured(data, names, asked.batches)]
    path = write_result(
        "loader",
        what=(
            f"Training samples a second, batches of {BATCH}: one worker that reads, varies and collates, and the "
            f"stage `align` of the default encoders (preset small) on batches that are ready, torch on {THREADS} "
            "threads; one after the other on the same cores. Medians over batches, intervals from order statistics"
        ),
        command="python -m benchmarks.loader data/materials-project",
        rows=rows,
        seconds=time.perf_counter() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def _measured(data: Path, modalities: tuple[str, ...], batches: int) -> Iterator[dict[str, Any]]:
    run = Run.model_validate(
        {"name": "loader", "data": str(data), "modalities": modalities, "batch_size": BATCH,
         "augmentation": dict.fromkeys((m for m in modalities if m != "composition"), 0.5)}
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as aside:
        job = prepare(run, data, Path(aside) / "run")
        stage = job.stage("align")
        ready = [BATCH / s for s in _ready(stage, batches)]
        taken = [BATCH / s for s in _taken(job, stage, batches)]
    labels: dict[str, Any] = {"data": data.name, "modalities": " + ".join(modalities)}
    ratio = median(ready) / median(taken)
    print(f"{labels['modalities']}: {median(ready):.0f} ready, {median(taken):.0f} taken, {ratio:.1f}", file=sys.stderr)
    for metric, values in ((READY, ready), (TAKEN, taken)):
        low, high = interval(values)
        yield row(metric, median(values), n=len(values), low=low, high=high, **labels)
    yield row("ratio, ready / taken", ratio, n=batches, goal=f">= {GOAL:.0f}x", **labels)


def _ready(stage: Stage, batches: int) -> list[float]:
    """Seconds a batch of a worker that runs all the time, in rounds of three: its queue has ups and downs."""
    together = 3
    loader = DataLoader(stage.steps, batch_size=None, sampler=_steps(stage, together * (batches + 1)), num_workers=1)
    iterator, found = iter(loader), []
    for _ in islice(iterator, together):
        pass
    for _ in range(batches):
        start = time.perf_counter()
        for _ in islice(iterator, together):
            pass
        found.append((time.perf_counter() - start) / together)
    return found


def _taken(job: Job, stage: Stage, batches: int) -> list[float]:
    """Seconds of each step on a batch that is ready."""
    loop = Loop(stage, Place(run=job.run, out=job.out, accelerator=job.accelerator, quiet=True))
    found = []
    for step in range(3 + batches):
        parts: list[Part] = stage.steps[step % len(stage.steps)]
        start = time.perf_counter()
        loop.step(parts, step)
        found.append(time.perf_counter() - start)
    return found[3:]


def _steps(stage: Stage, count: int) -> list[int]:
    """Places of that many batches, from the first on, as often round as they have to be."""
    return [step % len(stage.steps) for step in range(count)]


if __name__ == "__main__":
    main()
