"""Trainings that another study has done already: taken over where they are the same to the last setting."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from comma_align import folder as run_files
from comma_align.config import Run
from comma_data.configfile import load
from comma_data.storage import ensure_folder

from comma_app.study.config import Study
from comma_app.study.errors import StudyError
from comma_app.study.folder import trained
from comma_app.study.pieces import Piece
from comma_app.study.runs import run_folder, run_of

NAMING = {"name", "data"}
"""Settings that say what a run is called and where its data lie, and nothing of what is done."""


def check_sources(sources: Sequence[Path]) -> None:
    """Refuse what is no folder of a study.

    Raises:
        StudyError: naming the first.
    """
    for source in sources:
        if not (source / "runs").is_dir():
            raise StudyError(f"{source} holds no trainings of a study (`runs/MODEL/fold-K`): give the folder of one")


def take_over(study: Study, piece: Piece, folder: Path, sources: Sequence[Path], data_hash: str) -> Path | None:
    """Copy a finished training from another study, if one has the same settings, seed, fold and data.

    Models that start from another are trained anew: their first weights are not among their settings.

    Returns:
        The folder that it was copied from; None where none is the same.
    """
    if study.models[piece.name].start:
        return None
    wanted = _settings(run_of(study, piece.name, piece.fold, folder))
    for run in _finished(sources, piece.fold):
        manifest = trained(run)
        same_data = manifest is not None and manifest["data"]["data_hash"] == data_hash
        if same_data and _settings(load(Run, run / run_files.CONFIG)) == wanted:
            target = run_folder(folder, piece.name, piece.fold)
            part = target.with_name(f"{target.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            ensure_folder(part.parent)
            shutil.copytree(run, part, ignore=shutil.ignore_patterns("checkpoints", "best"))
            part.rename(target)
            return run
    return None


def _finished(sources: Sequence[Path], fold: int) -> Iterator[Path]:
    for source in sources:
        yield from sorted(source.glob(f"runs/*/fold-{fold}"))


def _settings(run: Run) -> dict[str, Any]:
    return run.model_dump(mode="json", exclude=NAMING)
