"""How long a study takes, from a few steps of every training and one rehearsal of every task."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_align.config import Run
from comma_align.dry import Tried, tried
from comma_data.split import group_of
from comma_eval.errors import SeenError
from comma_eval.seen import refuse_seen, unseen

from comma_app.study.asking import Sides
from comma_app.study.config import Study
from comma_app.study.folder import ESTIMATES, done, read_json, trained, write_json
from comma_app.study.models import askable
from comma_app.study.pieces import Piece, pieces, questions, score_file
from comma_app.study.rehearsal import rehearse
from comma_app.study.runs import base_run, run_folder

FORWARD = 1 / 3
"""Of a training step: it computes vectors once, and gradients at about twice that cost."""
EMBEDDINGS = 2
"""Times that a held-out sample is embedded in a task: as a query, and in the gallery."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds of every kind of piece, the same in each fold."""

    train: Mapping[str, float]
    """Model -> seconds."""
    score: Mapping[str, float]
    """Key of a task -> seconds."""
    weights: Mapping[str, int]
    steps: Mapping[str, int]
    doubts: tuple[str, ...]

    def of(self, piece: Piece) -> float:
        """Seconds of a piece."""
        return {"train": self.train, "score": self.score, "map": {}}[piece.kind].get(piece.name, 0.0)


def estimate(study: Study, data: Path, sides: Sides) -> Estimate:
    """Measure; takes about a minute for each model of a large data set, most of it reading.

    Raises:
        comma_align.errors.AlignError: a run cannot be started on these data.
        comma_eval.errors.EvalError: a task cannot be asked of them, or asks what a model will have seen.
        StudyError: a primary outcome that cannot be told.
    """
    rehearsed = rehearse(study, sides)
    runs = {name: first_run(study, name) for name in study.models}
    found = {name: tried(run, data) for name, run in runs.items()}
    refuse_known(study, sides, {name: one.groups_seen for name, one in found.items()})
    score = {}
    for key, (name, one) in questions(study).items():
        each = sum(forward_seconds(found[model]) for model in askable(study, name, one.task))
        score[key] = rehearsed.seconds[key] + EMBEDDINGS * each * rehearsed.test[key]
    return Estimate(
        train={name: training_seconds(runs[name], found[name]) for name in runs},
        score=score,
        weights={name: one.weights for name, one in found.items()},
        steps={name: sum(stage.steps for stage in one.stages) for name, one in found.items()},
        doubts=rehearsed.doubts,
    )


def refuse_known(study: Study, sides: Sides, seen: Mapping[str, Collection[str]]) -> None:
    """Refuse tasks that ask all folds of what models will have learnt from, before anything is trained.

    Args:
        study: of which the first fold is looked at.
        sides: its data.
        seen: model -> hashes of the groups that its training sees.

    Raises:
        comma_eval.errors.SeenError: there is one; the message has the task and the model.
    """
    for key, (name, one) in questions(study).items():
        if study.tasks[name].part != "all":
            continue  # the split keeps them apart
        test = sides.of(study.folds[0], one.task.needs, study.tasks[name]).test
        for model in askable(study, name, one.task):
            known = set().union(*(seen[each] for each in lineage(study, model)))
            try:
                if one.task.needs.leave_out_seen:
                    test = unseen(test, known)
                else:
                    refuse_seen({group_of(sample) for sample in test}, known)
            except SeenError as error:
                raise SeenError(f"tasks.{key}: {model}: {error}") from error


def lineage(study: Study, model: str) -> list[str]:
    """A model of the study, and those from which its first weights come."""
    start = study.models[model].start
    return [model, *(lineage(study, start) if start else ())]


def first_run(study: Study, name: str) -> Run:
    """The run of a model in the first fold, without the other model that it starts from: it may not be there yet."""
    fold = study.folds[0]
    return base_run(study, name).model_copy(update={"seed": study.seed + fold, "test_fold": fold})


def training_seconds(run: Run, found: Tried) -> float:
    """Reading, all steps, and the validations between them."""
    validations = math.ceil(run.epochs / run.validate_every) if "align" in run.stages else 0
    looking = (validations + 1) * found.validation * forward_seconds(found)
    return found.ready + sum(3600 * stage.hours for stage in found.stages) + looking


def forward_seconds(found: Tried) -> float:
    """Seconds that the vectors of a sample take, by the last stage."""
    stage = found.stages[-1]
    return FORWARD * stage.seconds / max(stage.samples, 1)


def kept(study: Study, data: Path, sides: Sides, folder: Path) -> Estimate:
    """The estimate that was made when the study was begun, or a new one; see `estimate` for what it raises."""
    known = read_json(folder / ESTIMATES)
    if known is not None:
        return Estimate(**{**known, "doubts": tuple(known["doubts"])})
    return estimate(study, data, sides)


def keep(found: Estimate, folder: Path) -> None:
    """Write the estimate down, unless it is there already."""
    if not (folder / ESTIMATES).is_file():
        write_json(folder / ESTIMATES, vars(found))


def taken(folder: Path, piece: Piece) -> float | None:
    """Seconds that a finished piece took; None for one that is not finished."""
    if not done(folder, piece) or piece.kind == "map":
        return None
    if piece.kind == "train":
        manifest: Mapping[str, Any] = trained(run_folder(folder, piece.name, piece.fold)) or {}
        return float(manifest["trained"]["seconds"])
    return float(read_json(score_file(folder, piece))["seconds"])


def table(study: Study, folder: Path, found: Estimate) -> list[str]:
    """Lines that say what is done, what is left, and the hours of both."""
    lines, left = [], 0.0
    for piece in pieces(study):
        is_done = done(folder, piece)
        seconds = taken(folder, piece) if is_done else found.of(piece)
        left += 0.0 if is_done else seconds or 0.0
        said = "done" if is_done else "to do"
        steps = (
            f"  {found.steps[piece.name]:,} steps, {found.weights[piece.name]:,} weights"
            if piece.kind == "train"
            else ""
        )
        lines.append(f"{said:6} {(seconds or 0.0) / 3600:8.2f} h  {piece.label}{steps}")
    return [*lines, f"{'left':6} {left / 3600:8.2f} h  about, where the machine is as busy as when this was measured"]
