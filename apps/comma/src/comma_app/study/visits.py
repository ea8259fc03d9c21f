"""How many samples a training learns from, and how many it has seen after so many steps, stage by stage."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from comma_align.config import Run
from comma_align.folder import MANIFEST, METRICS

from comma_app.study.folder import read_json


def distinct(run: Run, train: int) -> int:
    """Samples of the stage that learns from most, where there are so many to train with."""
    return max(_learnt_from(run, stage, train) for stage in run.stages)


def seen(run: Run, steps: Mapping[str, int], train: int) -> int:
    """Samples that the steps of each stage held, one as often as it came."""
    # a batch larger than what there is holds all of it
    return sum(count * min(run.batch_size, _learnt_from(run, stage, train)) for stage, count in steps.items())


def trained_with(run: Run, folder: Path) -> int:
    """Training samples of a run's folder; without one a batch, so that none is cut."""
    told = read_json(folder / MANIFEST)
    return int(told["samples"]["train"]) if told is not None else run.batch_size


def steps_of(run: Run, folder: Path, taken: int) -> Mapping[str, int]:
    """Stage -> steps of it, of a finished run that took so many in all."""
    if len(run.stages) == 1:
        return {run.stages[0]: taken}
    return {event["stage"]: event["step"] for event in events(folder)}


def events(folder: Path) -> Iterator[dict[str, Any]]:
    """What a run tells of itself, step by step."""
    path = folder / METRICS
    yield from map(json.loads, path.read_text(encoding="utf-8").splitlines() if path.is_file() else ())


def _learnt_from(run: Run, stage: str, train: int) -> int:
    """The stage `supervised` alone has a budget of labels."""
    return (run.supervised.labels if stage == "supervised" else 0) or train
