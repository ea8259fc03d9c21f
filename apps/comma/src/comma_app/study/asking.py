"""The questions of one task to all models of a fold: scored together, kept with every single answer."""

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Split, group_of
from comma_data.storage import complete_file, ensure_folder
from comma_eval import items
from comma_eval.heldout import HeldOut, held_out, transferred
from comma_eval.seen import unseen
from comma_eval.task import Needs, Report, Task
from comma_eval.tasks.predicting import told

from comma_app.study.config import Study
from comma_app.study.config import Task as TaskSettings
from comma_app.study.folder import finite, write_json
from comma_app.study.models import askable, checked, embedder, groups_seen, labels_of, loaded
from comma_app.study.pieces import Piece, items_file, map_file, questions, score_file
from comma_app.study.runs import run_folder

COUNTED: Mapping[str, tuple[str, Callable[[Any], int]]] = {
    "elements": ("composition", len),
    "sites": ("structure", lambda structure: len(structure["numbers"])),
}
"""Colour that is no target -> the modality that it is counted in, and how."""


@dataclass(kw_only=True)
class Sides:
    """Samples on both sides of the split, read once for what follows each other."""

    data: ShardSet
    part: str
    """Where a task names none."""
    _last: dict[tuple[int, Needs, str], HeldOut] = field(default_factory=dict)

    def of(self, fold: int, needs: Needs, how: TaskSettings) -> HeldOut:
        """What a task needs in a fold."""
        key = (fold, needs, how.part or self.part)
        if key not in self._last:
            self._last.clear()
            self._last[key] = held_out(self.data, Split(test_fold=fold), how.part or self.part, needs)
        return transferred(self._last[key], how.transfer)


def score(study: Study, folder: Path, piece: Piece, sides: Sides) -> None:
    """Ask one task and keep what every model answered.

    Raises:
        comma_eval.errors.EvalError: a model saw the test groups, or the task cannot be asked.
    """
    began = time.monotonic()
    name, one = questions(study)[piece.name]
    asked = askable(study, name, one.task)
    both = sides.of(piece.fold, one.task.needs, study.tasks[name])
    if one.task.needs.leave_out_seen:
        both = replace(both, test=unseen(both.test, groups_seen(folder, asked, piece.fold)))
    groups = {group_of(sample) for sample in both.test}
    origin = {model: checked(folder, model, piece.fold, groups) for model in asked}
    models: dict[str, Any] = {}
    for model in asked:
        labels = labels_of(study, model, len(both.train))
        models |= loaded(run_folder(folder, model, piece.fold), model, one.task, labels)
    report = answered(one.task, models, both)
    asked_by = {"task": name, **one.labels}
    path = score_file(folder, piece)
    items.write(report.items, items_file(folder, piece))
    rows = [finite({**asked_by, **row.as_dict()}) for row in report.rows]
    facts = {**report.facts, "train": len(both.train), "test": len(both.test)}
    seconds = round(time.monotonic() - began, 1)
    write_json(path, {"labels": asked_by, "facts": facts, "seen": origin, "rows": rows, "seconds": seconds})


def answered(task: Task[Any], models: Mapping[str, Any], both: HeldOut) -> Report:
    """The report of a task, with the same random numbers whatever was computed before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return task.run(models, both.train, both.test)


def keep_vectors(study: Study, folder: Path, piece: Piece, data: ShardSet) -> None:
    """Embed some held-out samples with every aligned model, and keep the vectors and what colours them.

    Protocols are told as in retrieval: as they are stored, one may say nothing.
    """
    rows = {row.id: number for number, row in enumerate(data.rows)}
    split, wanted = Split(test_fold=piece.fold), study.map
    there = [r for r in data.rows if split.part(r.fold) == study.part and set(wanted.modalities) & r.modalities.keys()]
    # by a fixed number that has no regard to what an id names
    chosen = sorted(there, key=lambda row: (zlib.crc32(row.id.encode()), row.id))[: wanted.most]
    samples = told([data.read(rows[row.id]) for row in chosen])
    arrays: dict[str, np.ndarray] = {}
    for name, model in study.models.items():
        found = embedder(run_folder(folder, name, piece.fold)) if model.scored else None
        if found is None:
            continue
        for modality, embedded in found.embed(samples).items():
            if modality in wanted.modalities:
                arrays[f"{name}/{modality}/vectors"] = embedded.z.numpy()
                arrays[f"{name}/{modality}/colours"] = colours(samples, wanted.colour)[embedded.rows.numpy()]
    _save(map_file(folder, piece.fold), arrays)


def colours(samples: list[Sample], colour: str) -> np.ndarray:
    """(samples,): one of `COUNTED`, or a target; NaN where it is not known."""
    return np.array([_colour(sample, colour) for sample in samples])


def _colour(sample: Sample, colour: str) -> float:
    if colour in COUNTED:
        modality, count = COUNTED[colour]
        return float(count(sample.fields[modality][0])) if modality in sample.fields else float("nan")
    value = sample.targets.get(colour)
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    ensure_folder(path.parent)
    with complete_file(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes any name for its flag
