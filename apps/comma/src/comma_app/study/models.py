"""Trained models of a fold as what a task asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from comma_align import folder as run_files
from comma_align import predictor
from comma_align.start import model_of
from comma_data.sample import Sample
from comma_encoders.folder import load, read_manifest
from comma_eval.seen import refuse_seen
from comma_eval.task import Embedder, Prediction, Task
from comma_eval.untrained import lines_of

from comma_app.study.config import Study
from comma_app.study.errors import StudyError
from comma_app.study.runs import answers, base_run, run_folder

APART = 0.1
"""Share by which the labels that the others are given may differ from those that a model was trained with."""


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """A predictor of the stage `supervised`, which has learnt already what a task would fit a head for."""

    tell: Callable[[Sequence[Sample]], Any]
    """Samples -> a number of each."""
    target: str
    labels: int
    """How many it was trained with."""

    def fit(self, train: Sequence[Sample], target: str) -> None:
        """Nothing is learnt here.

        Raises:
            StudyError: it was trained for another target, or with more or fewer labels than the others are given.
        """
        if target != self.target:
            raise StudyError(f"a model that was trained to tell {self.target!r} cannot tell {target!r}")
        if abs(len(train) - self.labels) > APART * self.labels:
            raise StudyError(
                f"a model of the stage `supervised` was trained with {self.labels} labels, and here the others are "
                f"given {len(train)}: ask it apart (`models`), with `labels` as its run has them"
            )

    def predict(self, samples: Sequence[Sample]) -> Prediction:
        """Its numbers; it knows no interval, so that low and high are infinite."""
        value = np.asarray(self.tell(samples), dtype=float)
        return Prediction(value=value, low=np.full_like(value, -np.inf), high=np.full_like(value, np.inf))


def askable(study: Study, task_name: str, task: Task[Any]) -> list[str]:
    """Models that a task of the study is put to: all that it names, or all that can answer it."""
    chosen = study.tasks[task_name].models
    return [
        name
        for name, model in study.models.items()
        if model.scored and (name in chosen if chosen else answers(study, name, task.needs))
    ]


def labels_of(study: Study, name: str, known: int) -> int:
    """Labels that a supervised model is trained with, where the training folds have so many `known` ones."""
    return base_run(study, name).supervised.labels or known


def loaded(run: Path, name: str, task: Task[Any], labels: int) -> dict[str, Any]:
    """The model of a finished run, and what the task wants beside it, by name; `labels` as of `Finetuned`."""
    if (run / run_files.PREDICTOR).is_dir():
        trained = predictor.load(run / run_files.PREDICTOR)
        return {name: Finetuned(tell=trained.predict, target=trained.meaning.target, labels=labels)}
    return lines_of(task, name, load(run / run_files.MODEL))


def embedder(run: Path) -> Embedder | None:
    """The aligned model of a finished run; None for one that only tells a property."""
    return load(run / run_files.MODEL) if (run / run_files.MODEL).is_dir() else None


def checked(folder: Path, name: str, fold: int, held_out: set[str]) -> str:
    """What a model says of what it saw.

    Raises:
        comma_eval.errors.SeenError: it saw a group that it is asked about.
    """
    return refuse_seen(held_out, _manifest(run_folder(folder, name, fold)).get("groups_seen"))


def groups_seen(folder: Path, names: Sequence[str], fold: int) -> set[str]:
    """Hashes of the groups that any of these models saw."""
    told = (_manifest(run_folder(folder, name, fold)).get("groups_seen") for name in names)
    return {one for several in told for one in several or ()}


def _manifest(run: Path) -> Mapping[str, Any]:
    """Of the model that a finished run left."""
    place = run / run_files.MODEL if (run / run_files.MODEL).is_dir() else run / run_files.PREDICTOR / run_files.MODEL
    return read_manifest(place)


def check_start(start: Path, held_out: set[str]) -> None:
    """Refuse, before anything is trained, a first model from outside that saw what is to be asked.

    Raises:
        comma_eval.errors.SeenError: it did.
    """
    refuse_seen(held_out, read_manifest(model_of(start)).get("groups_seen"))
