"""Figures on the validation fold while models were trained, along the samples that they were trained with.

A run tells them of itself (`metrics.jsonl`), so that nothing is computed here. They are no result: validation chose
when to stop. Recalls of two models can be compared where their galleries are as large: a run's own are the samples that
it could have learnt from.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from comma_align.folder import METRICS
from comma_eval.page.content import SEEN
from comma_eval.task import Row

from comma_app.study.config import Study
from comma_app.study.runs import base_run, run_folder

SHOWN = ("R@1", "accuracy", "MAE", "RMSE")
"""Figures that curves are made of."""
POOL = "pool"
"""The size of a gallery, and the label that tells it."""

Place = tuple[str, int]
"""Stage and epoch at which validation took place."""
Figures = Mapping[tuple[str, str], float]
"""(direction of a retrieval or nothing, metric) -> value."""


def training(study: Study, folder: Path) -> tuple[Row, ...]:
    """A row for each model, validation and figure: the mean over folds, as far as every fold was trained.

    Samples that a model's start was trained with are not counted.
    """
    rows: list[Row] = []
    for name in study.models:
        batch = base_run(study, name).batch_size
        by_fold = [dict(_validations(run_folder(folder, name, fold) / METRICS)) for fold in study.folds]
        for place in by_fold[0]:
            there = [found[place] for found in by_fold if place in found]
            if len(there) == len(study.folds):
                rows += _rows(name, batch, there)
    return tuple(rows)


def common(rows: tuple[Row, ...]) -> list[Row]:
    """Of rows of retrievals those whose direction every model that retrieves has, and all others."""
    models: dict[str, set[str]] = {}
    for row in rows:
        models.setdefault(row.labels.get("direction", ""), set()).add(row.labels["model"])
    most = max((len(of) for direction, of in models.items() if direction), default=0)
    return [row for row in rows if not (told := row.labels.get("direction", "")) or len(models[told]) == most]


def _rows(model: str, batch: int, folds: list[tuple[int, Figures]]) -> Iterator[Row]:
    steps = mean(step for step, _ in folds)
    for direction, metric in folds[0][1]:
        if metric == POOL:
            continue
        sizes = [figures[direction, POOL] for _, figures in folds if (direction, POOL) in figures]
        where = {"direction": direction, POOL: f"{mean(sizes):.0f}"} if direction else {}
        values = [figures[direction, metric] for _, figures in folds if (direction, metric) in figures]
        labels = {"part": "validation", **where, SEEN: f"{steps * batch:.0f}", "model": model}
        yield Row(labels=labels, metric=metric, value=mean(values), low=None, high=None, n=len(values))


def _validations(path: Path) -> Iterator[tuple[Place, tuple[int, Figures]]]:
    """Place -> steps taken and figures; where a killed run went through a place again, the later ones."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        event = json.loads(line)
        if "validation" in event:
            yield (event["stage"], event["epoch"]), (event["step"], dict(_figures(event["validation"])))


def _figures(told: Any) -> Iterator[tuple[tuple[str, str], float]]:
    """Recalls stand in a list with a mapping for each direction, errors of a property in one mapping."""
    for one in told if isinstance(told, list) else [told]:
        direction = f"{one['query']} -> {one['gallery']}" if "query" in one else ""
        yield from (((direction, metric), one[metric]) for metric in (*SHOWN, POOL) if metric in one)
