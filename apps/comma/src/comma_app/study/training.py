"""Figures on the validation fold while models were trained, along the samples that they were trained with.

A run tells them of itself (`metrics.jsonl`), so that nothing is computed here. They are no result: validation chose
when to stop. Recalls of two models can be compared where their galleries are as large: a run's own are the samples that
it could have learnt from.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from comma_align.config import Run
from comma_eval.page.content import SEEN
from comma_eval.task import Row

from comma_app.study.config import Study
from comma_app.study.runs import base_run, run_folder
from comma_app.study.visits import events, seen, trained_with

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

    Samples of a run's earlier stages are counted, those that a model's start was trained with are not.
    """
    rows: list[Row] = []
    for name in study.models:
        run = base_run(study, name)
        by_fold = [dict(_validations(run, run_folder(folder, name, fold))) for fold in study.folds]
        for place in by_fold[0]:
            there = [found[place] for found in by_fold if place in found]
            if len(there) == len(study.folds):
                rows += _rows(name, there)
    return tuple(rows)


def common(rows: tuple[Row, ...]) -> list[Row]:
    """Of rows of retrievals those whose direction every model that retrieves has, and all others."""
    models: dict[str, set[str]] = {}
    for row in rows:
        models.setdefault(row.labels.get("direction", ""), set()).add(row.labels["model"])
    most = max((len(of) for direction, of in models.items() if direction), default=0)
    return [row for row in rows if not (told := row.labels.get("direction", "")) or len(models[told]) == most]


def _rows(model: str, folds: list[tuple[int, Figures]]) -> Iterator[Row]:
    learnt = mean(samples for samples, _ in folds)
    for direction, metric in folds[0][1]:
        if metric == POOL:
            continue
        sizes = [figures[direction, POOL] for _, figures in folds if (direction, POOL) in figures]
        where = {"direction": direction, POOL: f"{mean(sizes):.0f}"} if direction else {}
        values = [figures[direction, metric] for _, figures in folds if (direction, metric) in figures]
        labels = {"part": "validation", **where, SEEN: f"{learnt:.0f}", "model": model}
        yield Row(labels=labels, metric=metric, value=mean(values), low=None, high=None, n=len(values))


def _validations(run: Run, folder: Path) -> Iterator[tuple[Place, tuple[int, Figures]]]:
    """Place -> samples seen and figures; where a killed run went through a place again, the later ones."""
    train, steps = trained_with(run, folder), dict[str, int]()
    for event in events(folder):
        steps[event["stage"]] = event["step"]
        if "validation" in event:
            place = (event["stage"], event["epoch"])
            yield place, (seen(run, steps, train), dict(_figures(event["validation"])))


def _figures(told: Any) -> Iterator[tuple[tuple[str, str], float]]:
    """Recalls stand in a list with a mapping for each direction, errors of a property in one mapping."""
    for one in told if isinstance(told, list) else [told]:
        direction = f"{one['query']} -> {one['gallery']}" if "query" in one else ""
        yield from (((direction, metric), one[metric]) for metric in (*SHOWN, POOL) if metric in one)
