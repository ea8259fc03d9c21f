"""A model of a study as the training run of one fold."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comma_align.cli import CONFIGS
from comma_align.config import Run
from comma_data.configfile import check, find
from comma_data.errors import ConfigError
from comma_eval.task import Needs

from comma_app.study.errors import StudyError

if TYPE_CHECKING:
    from comma_app.study.config import Study

OURS = ("name", "data", "seed", "test_fold")
"""Settings that are the study's own."""


def read_run(run: str, settings: Mapping[str, Any]) -> Run:
    """The run that a model describes, before the study puts name, data, seed and fold into it.

    Args:
        run: a named run, the path of one, or empty.
        settings: what is changed in it.

    Raises:
        ConfigError: no such run, or a setting that it cannot have, with the nearest that it can.
        StudyError: a setting that is the study's own.
    """
    if taken := [key for key in OURS if key in settings]:
        raise StudyError(f"the setting {taken[0]!r} is made by the study for every model alike: leave it out")
    base: dict[str, Any] = {}
    if run:
        path = find(run, CONFIGS, kind="run")
        try:
            base = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"run {run!r} cannot be read: {error}") from error
    told = {key: value for key, value in merged(base, settings).items() if key not in OURS}
    try:
        return check(Run, {**told, "name": "model", "data": "data"}, path="settings")
    except ConfigError as error:
        raise ConfigError(str(error).replace("settings, line 1: ", "settings: ")) from error


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables with changes put in place."""
    inner = {
        key: merged(base[key], value)
        for key, value in changes.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    return {**base, **changes, **inner}


def base_run(study: "Study", name: str) -> Run:
    """The run of a model in any fold."""
    model = study.models[name]
    return read_run(model.run, merged(study.common, model.settings))


def supervised(study: "Study", name: str) -> str:
    """The target that a model was trained to tell; empty for one that aligns."""
    run = base_run(study, name)
    return run.supervised.target if run.stages[-1] == "supervised" else ""


def answers(study: "Study", name: str, needs: Needs) -> bool:
    """Whether a model can be asked a task: one that was trained to tell a target has no vectors for other questions."""
    target = supervised(study, name)
    return not target or (needs.fitted and target == needs.target)


def run_of(study: "Study", name: str, fold: int, folder: Path) -> Run:
    """The run of a model and fold.

    Args:
        study: the study.
        name: of the model.
        fold: the test fold.
        folder: of the study, below which the model that it starts from is.
    """
    model = study.models[name]
    own = {"name": name, "data": study.data, "seed": study.seed + fold, "test_fold": fold}
    start = {"start": str(run_folder(folder, model.start, fold))} if model.start else {}
    return base_run(study, name).model_copy(update={**own, **start})


def run_folder(folder: Path, name: str, fold: int) -> Path:
    """Where the run of a model and fold is."""
    return folder.resolve() / "runs" / name / f"fold-{fold}"
