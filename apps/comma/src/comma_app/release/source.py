"""Where the model of a release is, and what its run says of it."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_align.folder import CONFIG, MANIFEST, MODEL, PREDICTOR
from comma_encoders.folder import read_config, read_manifest
from comma_eval.runs import MODEL_FILE, model_folder

from comma_app.release.errors import ReleaseError, UnfinishedRunError

PLACES = ("data", "start")
"""Settings of a run that are folders of its maker's machine."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model that is finished."""

    model: Path
    run: Path | None
    """The folder of the run that it comes from, where that is known."""

    def about(self) -> dict[str, Any]:
        """What the manifests of model and run say, and the settings of the run."""
        manifest = {key: value for key, value in read_manifest(self.model).items() if key != "sha256"}
        if self.run is None:
            return manifest
        told = read_run(self.run)
        return {**manifest, "trained": told["trained"], "training": settings(self.run, read_config(self.model))}


def find(given: Path) -> Source:
    """The model of a run folder, a model folder, or a model of the package by its name.

    Raises:
        UnfinishedRunError: a run that has not finished, or that ended with a predictor.
        comma_eval.errors.UsageError: there is no model.
    """
    if (given / CONFIG).is_file():
        _check_finished(given)
        return Source(model=given / MODEL, run=given)
    model = model_folder(given)
    run = model.resolve().parent
    of_run = model.name == MODEL and (run / CONFIG).is_file()
    if of_run:
        _check_finished(run)
    return Source(model=model, run=run if of_run else None)


def read_run(run: Path) -> dict[str, Any]:
    """The manifest of a run.

    Raises:
        ReleaseError: it is damaged.
    """
    try:
        return dict(json.loads((run / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ReleaseError(f"{run / MANIFEST} cannot be read ({error}); train the run again") from error


def _check_finished(run: Path) -> None:
    if (run / PREDICTOR).is_dir() and not (run / MODEL).is_dir():
        raise UnfinishedRunError(
            f"{run} ended in the stage `supervised` and left a predictor of one property, no aligned model; release "
            "the model that it started from, or a run whose last stage is `align`"
        )
    if not (run / MODEL / MODEL_FILE).is_file() or "trained" not in read_run(run):
        raise UnfinishedRunError(f"{run} has not finished; go on with it: the same `comma align run` with --out {run}")
    ours, theirs = (_data_hash(told) for told in (read_manifest(run / MODEL), read_run(run)))
    if ours != theirs:
        raise ReleaseError(
            f"{run / MODEL} was trained on the data set {ours}, its run on {theirs}: a model of another run was put "
            "there; train it again"
        )


def _data_hash(manifest: Mapping[str, Any]) -> str:
    data = manifest.get("data")
    return str(data.get("data_hash")) if isinstance(data, Mapping) else "unknown"


def settings(run: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The complete settings of a run without folders of its maker's machine; files are named as the model has them.

    Raises:
        ReleaseError: the run's config is damaged.
    """
    try:
        told = tomllib.loads((run / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{run / CONFIG} cannot be read: {error}") from error
    places = {key: Path(told[key]).name for key in PLACES if told.get(key)}
    encoders = {name: {**of, **_kept(of, config, name)} for name, of in told.get("encoders", {}).items()}
    return {**told, **places, "encoders": encoders}


def _kept(section: Mapping[str, Any], config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings of an encoder that its model has under another value: files that were copied into its folder."""
    model = config["modalities"].get(name, {})
    return {key: model[key] for key, value in section.items() if isinstance(value, str) and key in model}
