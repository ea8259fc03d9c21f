"""What a run would be: its samples, its sizes, and what its first steps take, without leaving anything behind."""

import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from comma_data.pool import end_with_parent
from comma_data.sample import Sample
from torch.utils.data import DataLoader

from comma_align.config import Run
from comma_align.folder import check_free, parameters
from comma_align.loop import Loop, Place
from comma_align.source import Source
from comma_align.stage import Stage
from comma_align.train import Job, prepare

TRIED = 3
"""Steps that are taken to see how long they take; the first one compiles and is not counted."""

SHOWN = 5
"""Sources of samples that are named."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a stage takes."""

    stage: str
    steps: int
    samples: int
    """Of a step, over all processes."""
    seconds: float
    """Of a step."""
    memory: float
    """Most that the process, or the GPU, held, MiB."""

    @property
    def hours(self) -> float:
        """Of all steps, without validation."""
        return self.steps * self.seconds / 3600


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What a run turned out to be when it was made ready and a few steps of each stage were taken."""

    samples: str
    """A line on where the samples come from."""
    weights: int
    validation: int
    """Samples on which it is validated."""
    ready: float
    """Seconds until the first step: data read, model made."""
    processes: int
    groups_seen: tuple[str, ...]
    """Hashes of the groups that training sees, as the model will say it; none of the model that it starts from."""
    stages: tuple[Cost, ...]


def sources(samples: Iterable[Sample], run: Run) -> dict[str, int]:
    """Source -> samples of which it gives a value that the run uses; the most frequent first, equal ones by name."""
    counts: Counter[str] = Counter()
    for sample in samples:
        told = {
            k.get("source", k.get("origin", "?"))
            for m in run.modalities
            for k in sample.provenance.get(m, ())
            if sample.fields.get(m)
        }
        counts.update(told)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def dry_run(run: Run, data: Path, out: Path, workers: int = 0) -> str:
    """Lines that say what the run would do; each begins with `#`, so that the whole is still a config.

    Raises:
        RunError: it cannot start there; see `train.train` for the rest.
    """
    check_free(out)
    found = tried(run, data, workers)
    lines = [found.samples, f"{found.weights:,} weights", *(_stage(cost, found.processes) for cost in found.stages)]
    return "\n".join(f"# {line}" for line in lines)


def tried(run: Run, data: Path, workers: int = 0) -> Tried:
    """Make a run ready aside and take a few steps of each of its stages.

    Raises:
        RunError: it cannot start; see `train.train` for the rest.
    """
    with tempfile.TemporaryDirectory() as aside:
        began = time.monotonic()
        job = prepare(run, data, Path(aside) / "run")
        ready = time.monotonic() - began
        return Tried(
            samples=_samples(job.source, run, data),
            weights=parameters(job.model),
            validation=len(job.source.validation),
            ready=ready,
            processes=job.accelerator.num_processes,
            groups_seen=tuple(job.source.groups_seen),
            stages=tuple(_cost(job.stage(name), job, workers) for name in run.stages),
        )


def _samples(source: Source, run: Run, data: Path) -> str:
    by_source = _listed(sources(source.train, run))
    return (
        f"{data}: {len(source.train)} training samples ({by_source}), {len(source.validation)} for validation; "
        f"{source.removed.total} training texts are left out because validation or test knows them"
    )


def _listed(counts: Mapping[str, int]) -> str:
    """The most frequent ones: handbook entries can name a hundred books."""
    shown = [f"{name} {count}" for name, count in islice(counts.items(), SHOWN)]
    return ", ".join([*shown, f"{len(counts) - SHOWN} other sources"] if len(counts) > SHOWN else shown)


def _stage(cost: Cost, processes: int) -> str:
    time_left = f"{cost.hours:.1f} h" if cost.hours >= 1 else f"{60 * cost.hours:.1f} min"
    return (
        f"{cost.stage}: {cost.steps} steps of {cost.samples} samples, {-(-cost.samples // processes)} on each of "
        f"{processes} process(es); about {cost.seconds:.2f} s a step, {time_left} without validation; "
        f"{cost.memory:,.0f} MiB at most in these steps"
    )


def _cost(stage: Stage, job: Job, workers: int) -> Cost:
    """Median seconds of a few steps, as the loop takes them; weights and files of the run are not touched."""
    place = Place(run=job.run, out=job.out, accelerator=job.accelerator, workers=workers, quiet=True)
    loop = Loop(stage, place)
    count = min(TRIED, len(stage.steps))
    loader = DataLoader(
        stage.steps, batch_size=None, sampler=range(count), num_workers=workers, worker_init_fn=end_with_parent
    )
    taken, iterator = [], iter(loader)
    for step in range(count):
        start = time.monotonic()
        for parts in islice(iterator, 1):
            loop.step([part.to(job.accelerator.device) for part in parts], step)
        taken.append(time.monotonic() - start)
    counted = sorted(taken[1:] or taken)
    return Cost(
        stage=stage.name,
        steps=len(stage.steps),
        samples=len(stage.steps.turns(0)),
        seconds=counted[len(counted) // 2],
        memory=_peak(job.accelerator.device),
    )


def _peak(device: torch.device) -> float:
    """MiB that were held at most."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**20 if sys.platform == "darwin" else 2**10)
