"""Where the model and its data are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comma_encoders.locate import SHIPPED, shipped

from comma_eval.errors import UsageError

RUNS = Path("runs")

MODEL_FILE = "config.json"
"""Every model folder has one."""


def model_folder(given: Path | None, runs: Path = RUNS) -> Path:
    """The folder that holds the model: of a run folder its `model/`, without an argument that of the newest run.

    A model that comma-encoders ships, such as `comma-small`, goes by its name where no folder is called so.

    Raises:
        UsageError: there is none.
    """
    if given is None:
        return _newest(runs)
    for folder in (given / "model", given, SHIPPED / given):
        if (folder / MODEL_FILE).is_file():
            return folder
    found = "holds no model" if given.is_dir() else "is not there"
    raise UsageError(
        f"{given} {found}: name a run folder, a model folder or a model of the package ({', '.join(shipped())}), or "
        "train one with `comma align run`"
    )


def data_folder(given: Path | None, manifest: Mapping[str, Any]) -> Path:
    """The data set: the one given, or else the one that the model's manifest names.

    Raises:
        UsageError: neither is there.
    """
    named = manifest.get("data", {}).get("path")
    if given is None and named is None:
        raise UsageError("no data set is named, here or in the model's manifest: pass --data DATA")
    path = given or Path(named)
    if not (path / "manifest.json").is_file():
        origin = "given" if given else "of the model's manifest"
        raise UsageError(f"there is no data set at {path} ({origin}): build it with `comma data build`, or pass --data")
    return path


def _newest(runs: Path) -> Path:
    """The model written last."""
    found = [path.parent for path in runs.glob(f"*/model/{MODEL_FILE}")]
    if not found:
        raise UsageError(
            f"there is no trained model under {runs}/: train one with `comma align run NAME --data DATA`, "
            "or name one: `comma eval synthesis MODEL`"
        )
    return max(found, key=lambda folder: ((folder / MODEL_FILE).stat().st_mtime, str(folder)))
