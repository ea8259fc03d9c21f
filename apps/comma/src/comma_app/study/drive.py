"""A study from its first piece to its last; what is finished is never done again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from comma_align.train import train
from comma_data.interrupt import resumable
from comma_data.nearest import did_you_mean
from comma_data.shards import ShardSet
from comma_data.split import Split

from comma_app.study.asking import COUNTED, Sides, keep_vectors, score
from comma_app.study.config import Study
from comma_app.study.errors import PausedError, StudyError
from comma_app.study.estimate import keep, kept, table
from comma_app.study.folder import begin, check_same, clear_stillborn, done, held
from comma_app.study.models import check_start
from comma_app.study.pieces import Piece, pieces
from comma_app.study.report import finish
from comma_app.study.reuse import check_sources, take_folds, take_over
from comma_app.study.runs import base_run, run_folder, run_of

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A study on its data, and where it leaves what it makes."""

    study: Study
    data: Path
    out: Path
    command: str
    """What was typed, for the result."""
    say: Say
    runs: tuple[Path, ...] = ()
    """Folders of other studies: their finished trainings, and folds of this study, are taken over where they are the
    same."""
    quiet: bool = False
    """Whether trainings show no progress."""


def plan(job: Job) -> list[str]:
    """What would be done, and how long it takes; nothing is left behind.

    Raises:
        StudyError: it cannot be begun there; see `conduct` for the rest.
    """
    shards = ShardSet(job.data)
    check_same(job.out, job.study, shards.manifest.data_hash)
    refuse_colour(job.study, shards)
    refuse_leaks(job.study, shards)
    found = kept(job.study, job.data, Sides(data=shards, part=job.study.part), job.out)
    return [*table(job.study, job.out, found), *(f"doubt: {doubt}" for doubt in found.doubts)]


def conduct(job: Job, minutes: float | None = None) -> None:
    """Do every piece that is not done, then write the result.

    Args:
        job: the study.
        minutes: stop after the piece during which they are over; None never stops.

    Raises:
        StudyError: the folder holds something else, or the study cannot be told from its answers.
        PausedError: the time is over; the same command goes on.
        comma_data.errors.InterruptedBuildError: told to stop between steps of a training; the same command goes on.
        comma_align.errors.Interrupted: likewise, within one, after a checkpoint.
        comma_align.errors.AlignError: a training failed.
        comma_eval.errors.EvalError: a task cannot be asked, or a model saw what it would be asked.
    """
    began = time.monotonic()
    check_sources(job.runs)
    with held(job.out), resumable("what is finished is kept, and the same command goes on"):
        shards = ShardSet(job.data)
        refuse_colour(job.study, shards)
        refuse_leaks(job.study, shards)
        check_same(job.out, job.study, shards.manifest.data_hash)
        sides = Sides(data=shards, part=job.study.part)
        for fold, source in take_folds(job.study, job.out, job.runs, shards.manifest.data_hash):
            job.say(f"fold {fold} was done already: copied from {source}")
        if left := to_do(job):
            found = kept(job.study, job.data, sides, job.out)
            # only now: what fails its rehearsal is not begun, and can be corrected
            begin(job.out, job.study, shards.manifest.data_hash)
            keep(found, job.out)
            job.say("\n".join([*table(job.study, job.out, found), *(f"doubt: {doubt}" for doubt in found.doubts)]))
        for number, piece in enumerate(left, start=1):
            job.say(f"[{number}/{len(left)}] {piece.label}")
            do(job, piece, sides)
            if minutes is not None and time.monotonic() - began >= 60 * minutes and number < len(left):
                rest = len(left) - number
                raise PausedError(f"{minutes:g} minutes are over; {rest} pieces are left, and the same command goes on")
        finish(job.study, job.out, shards.manifest, job.command)


def to_do(job: Job) -> list[Piece]:
    """The pieces that are not finished."""
    return [piece for piece in pieces(job.study) if not done(job.out, piece)]


def do(job: Job, piece: Piece, sides: Sides) -> None:
    """One piece."""
    if piece.kind == "train":
        where = run_folder(job.out, piece.name, piece.fold)
        clear_stillborn(where)
        if where.exists():
            job.say(f"it was begun already, and goes on in {where}")
        elif source := take_over(job.study, piece, job.out, job.runs, sides.data.manifest.data_hash):
            job.say(f"the same training was done already: copied from {source}")
            return
        train(run_of(job.study, piece.name, piece.fold, job.out), job.data, where, quiet=job.quiet)
    elif piece.kind == "score":
        score(job.study, job.out, piece, sides)
    else:
        keep_vectors(job.study, job.out, piece, sides.data)


def refuse_colour(study: Study, data: ShardSet) -> None:
    """Refuse a map that is to be coloured by what no sample has.

    Raises:
        StudyError: with what there is.
    """
    known = sorted({*COUNTED, *(target for row in data.rows for target in row.targets)})
    if study.map.modalities and study.map.colour not in known:
        hint = did_you_mean(study.map.colour, known)
        raise StudyError(f"map.colour: no sample has {study.map.colour!r}{hint}; there are {', '.join(known)}")


def refuse_leaks(study: Study, data: ShardSet) -> None:
    """Refuse first models from outside that saw held-out groups, before anything is trained.

    Raises:
        comma_eval.errors.SeenError: with some of the groups.
    """
    for name in study.models:
        settings = base_run(study, name)
        for fold in study.folds if settings.start else ():
            split = Split(test_fold=fold)
            groups = {row.group or row.formula for row in data.rows if split.part(row.fold) == study.part}
            check_start(Path(settings.start), groups)
