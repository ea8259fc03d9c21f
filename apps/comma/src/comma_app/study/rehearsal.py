"""Every task asked once before anything is trained, with models that guess: faults show now, and the time it takes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from comma_eval.errors import EvalError
from comma_eval.heldout import HeldOut
from comma_eval.task import Task
from torch.nn.functional import normalize

from comma_app.study.asking import Sides, answered
from comma_app.study.config import Study
from comma_app.study.errors import StudyError
from comma_app.study.models import Finetuned, askable, labels_of
from comma_app.study.pieces import questions
from comma_app.study.pooling import Question, gathered
from comma_app.study.runs import supervised
from comma_app.study.verdict import only

MOST = 2000
"""Samples of each side that a rehearsal looks at."""
DIM = 16


@dataclass(frozen=True, kw_only=True)
class Guess:
    """An embedder that knows nothing and costs nothing."""

    def embed(self, samples: Sequence[Sample]) -> Mapping[str, Embedded]:
        """Random unit vectors of every value, the same for the same number of them."""
        found = {}
        for modality in sorted({name for sample in samples for name in sample.fields}):
            rows = [i for i, sample in enumerate(samples) for _ in sample.fields.get(modality, ())]
            generator = torch.Generator().manual_seed(len(rows))
            z = normalize(torch.randn(len(rows), DIM, generator=generator), dim=1)
            found[modality] = Embedded(z=z, rows=torch.tensor(rows))
        return found


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What a rehearsal showed."""

    seconds: Mapping[str, float]
    """Key of a task -> seconds on one fold, models left out."""
    test: Mapping[str, int]
    """Key of a task -> held-out samples of one fold."""
    doubts: tuple[str, ...]
    """Primary outcomes whose question did not show up among the samples that were looked at."""


def rehearse(study: Study, sides: Sides) -> Rehearsed:
    """Ask every task on the first fold.

    Raises:
        comma_eval.errors.EvalError: a task cannot be asked of these data or models.
        StudyError: a primary outcome names a question, figure or line that does not exist.
    """
    seconds, test, found, cut = {}, {}, list[Question](), False
    for key, (name, one) in questions(study).items():
        both = sides.of(study.folds[0], one.task.needs, study.tasks[name])
        few = HeldOut(train=thinned(both.train), test=thinned(both.test))
        began = time.monotonic()
        try:
            report = answered(one.task, guessing(study, name, one.task, few), few)
        except EvalError:  # perhaps only because there are so few, such as fewer than the labels of a curve
            few, began = both, time.monotonic()
            report = answered(one.task, guessing(study, name, one.task, both), both)
        cut = cut or len(few.test) < len(both.test)
        scale = max(len(both.train) / max(len(few.train), 1), len(both.test) / max(len(few.test), 1), 1.0)
        seconds[key], test[key] = scale * (time.monotonic() - began), len(both.test)
        found += gathered({"task": name, **one.labels}, [(study.folds[0], report.items)])
    return Rehearsed(seconds=seconds, test=test, doubts=tuple(doubts(study, found, certain=not cut)))


def guessing(study: Study, name: str, task: Task[Any], both: HeldOut) -> dict[str, Any]:
    """What stands for each model that is asked."""
    made: dict[str, Any] = {}
    for model in askable(study, name, task):
        if target := supervised(study, model):
            labels = labels_of(study, model, len(both.train))
            made[model] = Finetuned(tell=lambda samples: np.zeros(len(samples)), target=target, labels=labels)
        else:
            made[model] = task.model_of(Guess())
    return made


def thinned(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """At most `MOST` samples, evenly from front to back."""
    return samples[:: -(-len(samples) // MOST) or 1]


def doubts(study: Study, found: Sequence[Question], *, certain: bool) -> list[str]:
    """What is wrong with the primary outcomes, where not all samples were looked at; otherwise it is refused.

    Raises:
        StudyError: all were looked at.
    """
    wrong = []
    for outcome in study.primary:
        try:
            only(outcome, found)
        except StudyError as error:
            if certain:
                raise
            wrong.append(str(error))
    return wrong
