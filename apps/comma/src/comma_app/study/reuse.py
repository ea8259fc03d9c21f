"""What was done elsewhere already: folds of the same study, and trainings that are the same to the last setting."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from comma_align import folder as run_files
from comma_align.config import Run
from comma_align.start import model_of
from comma_data.configfile import load
from comma_data.storage import complete_file, ensure_folder
from comma_encoders.folder import read_manifest

from comma_app.study.config import Study
from comma_app.study.errors import StudyError
from comma_app.study.folder import begin, done, same_but_folds, trained
from comma_app.study.pieces import Piece, items_file, map_file, pieces, score_file
from comma_app.study.runs import run_folder, run_of

NAMING = {"name", "data", "start"}
"""Settings that say what a run is called and where things lie, and nothing of what is done."""


def check_sources(sources: Sequence[Path]) -> None:
    """Refuse what is no folder of a study.

    Raises:
        StudyError: naming the first.
    """
    for source in sources:
        if not (source / "runs").is_dir():
            raise StudyError(f"{source} holds no trainings of a study (`runs/MODEL/fold-K`): give the folder of one")


def take_folds(study: Study, folder: Path, sources: Sequence[Path], data_hash: str) -> Iterator[tuple[int, Path]]:
    """Copy folds that other folders of the same study have finished, so that machines can share the folds of a study.

    A fold comes from one folder as a whole, models with their scores. One of which anything is here stays as it is.

    Yields:
        Each fold that was copied, and where from.
    """
    twins = [source for source in sources if same_but_folds(source, study, data_hash)]
    for fold in study.folds if twins else ():
        wanted = [piece for piece in pieces(study) if piece.fold == fold]
        begun = any(done(folder, p) or (p.kind == "train" and _run(folder, p).exists()) for p in wanted)
        source = next((twin for twin in twins if all(done(twin, piece) for piece in wanted)), None)
        if source is not None and not begun:
            begin(folder, study, data_hash)  # the other folder's rehearsal was of this study
            for piece in wanted:
                _copy_piece(piece, source, folder)
            yield fold, source


def _run(folder: Path, piece: Piece) -> Path:
    return run_folder(folder, piece.name, piece.fold)


def _copy_piece(piece: Piece, source: Path, folder: Path) -> None:
    """What tells that it is finished comes last."""
    if piece.kind == "train":
        _copy_run(_run(source, piece), _run(folder, piece))
        return
    files = (items_file, score_file) if piece.kind == "score" else (lambda place, piece: map_file(place, piece.fold),)
    for file in files:
        target = file(folder, piece)
        ensure_folder(target.parent)
        with complete_file(target) as made:
            made.write(file(source, piece).read_bytes())


def _copy_run(run: Path, target: Path) -> None:
    """A finished run without what it would go on from; it is there as a whole or not at all."""
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    ensure_folder(part.parent)
    shutil.copytree(run, part, ignore=shutil.ignore_patterns("checkpoints", "best", run_files.LOCK))
    part.rename(target)


def take_over(study: Study, piece: Piece, folder: Path, sources: Sequence[Path], data_hash: str) -> Path | None:
    """Copy a finished training from another study, if one has the same settings, seed, fold, data and first weights.

    Returns:
        The folder that it was copied from; None where none is the same.
    """
    run = run_of(study, piece.name, piece.fold, folder)
    wanted, first = _settings(run), _first_weights(run, folder)
    for source in sources if first is not None else ():
        for other in sorted(source.glob(f"runs/*/fold-{piece.fold}")):
            manifest = trained(other)
            if manifest is None or manifest["data"]["data_hash"] != data_hash:
                continue
            theirs = load(Run, other / run_files.CONFIG)
            if _settings(theirs) == wanted and _first_weights(theirs, source) == first:
                _copy_run(other, _run(folder, piece))
                return other
    return None


def _first_weights(run: Run, folder: Path) -> Mapping[str, str] | None:
    """Hashes of the model that a run of the study in this folder begins with; empty where its weights are random.

    Returns:
        None where that model is not there.
    """
    if not run.start:
        return {}
    start = Path(run.start)
    inner = folder / "runs" / start.parent.name / start.name  # where the folder of a study lies now
    place = model_of(inner if inner.is_dir() else start)
    return read_manifest(place)["sha256"] if (place / "config.json").is_file() else None


def _settings(run: Run) -> dict[str, Any]:
    return run.model_dump(mode="json", exclude=NAMING)
