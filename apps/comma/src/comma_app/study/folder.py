"""The folder of a study: begun once, gone on with as long as study and data are the same.

study.toml       the study, complete
begun.json       the study with every setting of its runs, and the hash of the data set
estimates.json   seconds that each kind of piece is expected to take
runs/            MODEL/fold-K: run folders of comma-align
scores/          fold-K/TASK.json: figures and facts; .parquet: single answers
vectors/         fold-K.npz: vectors of test samples, where they are kept
study.json, tables.md, report.html   the result
"""

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from comma_align import folder as run_files
from comma_data.configfile import dump_toml
from comma_data.errors import ConfigError, StorageError
from comma_data.storage import complete_file, ensure_folder, only_writer

from comma_app.study.config import Study
from comma_app.study.errors import StudyError
from comma_app.study.pieces import Piece, map_file, score_file
from comma_app.study.runs import OURS, base_run, run_folder

STUDY, BEGUN, ESTIMATES = "study.toml", "begun.json", "estimates.json"
RESULT, TABLES, PAGE = "study.json", "tables.md", "report.html"
SHOWN = 5
"""Changed keys that a message names."""


def write_text(path: Path, text: str) -> None:
    """Write a file that is either complete or not there."""
    ensure_folder(path.parent)
    with complete_file(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON that is either complete or not there."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote; None where it is not there.

    Raises:
        StudyError: it is no JSON any more.
    """
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(f"{path} is damaged ({error}): remove it, and its piece is done again") from error


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for JSON, which knows no infinity: what is no number is null."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep another process from going on with the same study.

    Raises:
        StudyError: one does.
    """
    ensure_folder(folder)
    with ExitStack() as stack:
        try:
            stack.enter_context(only_writer(folder / ".lock"))
        except StorageError as error:
            told = f"{folder}: another process works on this study; wait for it, or give --out"
            raise StudyError(told) from error
        yield


def begin(folder: Path, study: Study, data_hash: str) -> None:
    """Begin a study, or go on with the same one.

    Raises:
        StudyError: the folder holds another study, one that was changed, or one on other data.
    """
    check_same(folder, study, data_hash)
    if not (folder / BEGUN).is_file():
        write_text(folder / STUDY, dump_toml(study))
        write_json(folder / BEGUN, {"study": complete(study), "data_hash": data_hash})


def check_same(folder: Path, study: Study, data_hash: str) -> None:
    """Refuse to go on with something else; a folder that is not there is no obstacle. See `begin`."""
    begun = read_json(folder / BEGUN)
    if begun is None:
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if there - {".lock", STUDY, ESTIMATES}:
            raise StudyError(f"{folder} holds other things than a study; give another --out")
        return
    changed = differing(_as_today(begun["study"], study), complete(study))
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise StudyError(
            f"{folder} was begun with another study: {', '.join(changed[:SHOWN])}{more} changed. A study is fixed "
            f"before its figures are known: give another --out, or go on with {folder / STUDY}"
        )
    if begun["data_hash"] != data_hash:
        raise StudyError(
            f"{folder} was begun on other data: hash {begun['data_hash'][:16]} then, {data_hash[:16]} now. "
            "Give the data set that it was begun on, or another --out"
        )


def same_but_folds(folder: Path, study: Study, data_hash: str) -> bool:
    """Whether a folder is of the same study on the same data, perhaps with other folds."""
    begun = read_json(folder / BEGUN)
    if begun is None or begun["data_hash"] != data_hash:
        return False
    changed = differing(_as_today(begun["study"], study), complete(study))
    return all(key.partition(".")[0] == "folds" for key in changed)


def complete(study: Study) -> dict[str, Any]:
    """The study with every setting of its runs; where its data lie is no part of it."""
    told = study.model_dump(mode="json", exclude={"data", "common"})
    for name in study.models:
        run = base_run(study, name).model_dump(mode="json", exclude=set(OURS))
        told["models"][name] = {**told["models"][name], "settings": run}
    return dict(json.loads(json.dumps(told)))


def _as_today(begun: Mapping[str, Any], study: Study) -> Mapping[str, Any]:
    """What was begun, with the defaults of settings that it is too old to state; as it is where it is none any more."""
    try:
        return complete(Study.model_validate({**begun, "data": study.data}))
    except (ConfigError, ValueError):
        return begun


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Keys, as `models.comma.settings.epochs`, that only one has, or whose values differ."""
    flat = [dict(_flat(of, "")) for of in (a, b)]
    keys = dict.fromkeys([*flat[0], *flat[1]])
    missing = object()
    return [key for key in keys if flat[0].get(key, missing) != flat[1].get(key, missing)]


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if inner is None or not value:
        yield key, value
        return
    for name, part in inner:
        yield from _flat(part, f"{key}.{name}" if key else str(name))


def done(folder: Path, piece: Piece) -> bool:
    """Whether a piece is finished."""
    if piece.kind == "train":
        return trained(run_folder(folder, piece.name, piece.fold)) is not None
    return (score_file(folder, piece) if piece.kind == "score" else map_file(folder, piece.fold)).is_file()


def trained(run: Path) -> Mapping[str, Any] | None:
    """The manifest of a finished run; None where it is not finished."""
    manifest = read_json(run / run_files.MANIFEST)
    left = any((run / name).is_dir() for name in (run_files.MODEL, run_files.PREDICTOR))
    return manifest if left and manifest is not None and "trained" in manifest else None


def clear_stillborn(run: Path) -> None:
    """Remove a run folder that a kill left before it was one; nothing was trained in it."""
    if run.is_dir() and not (run / run_files.CONFIG).is_file():
        shutil.rmtree(run)
