"""From folders to a report: load the model and the data, refuse a leak, ask the question."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from comma_data.shards import ShardSet
from comma_data.split import Split, group_of
from comma_encoders.folder import load, read_manifest

from comma_eval.errors import UsageError
from comma_eval.heldout import HeldOut, held_out, transferred
from comma_eval.runs import data_folder
from comma_eval.seen import refuse_seen, unseen
from comma_eval.task import Report, Task
from comma_eval.untrained import lines_of


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which held-out samples are asked for."""

    part: str = "test"
    """`test`, `validation` for choices, or `all` where nothing learns and the model was trained on other data."""
    test_fold: int | None = None
    """0 to 4; None takes the one that the model was trained without, or 0."""
    transfer: str = ""
    """A class of materials that is asked about, and that nothing learns from."""


def evaluate(
    task: Task[Any], model: Path | None, data: Path | None, asked: Asked, say: Callable[[str], None] = lambda _: None
) -> Report:
    """Run a task on a model folder and a data set.

    Args:
        task: the question.
        model: a model folder; None scores the baselines alone.
        data: a data set; None takes the one that the model's manifest names.
        asked: which fold.
        say: is told what is going on.

    Raises:
        UsageError: a folder is missing, or the model's folds are not those of the data set.
        SeenError: the model has seen a held-out formula.
        EmptyTaskError: nothing is left to ask.
    """
    if asked.part == "all" and task.needs.train is not None:
        raise UsageError("all folds are asked, which leaves none for the lines that learn: ask test or validation")
    manifest = read_manifest(model) if model else {}
    shards = ShardSet(data_folder(data, manifest))
    split = split_of(shards, manifest.get("split", {}), asked.test_fold)
    sides = transferred(held_out(shards, split, asked.part, task.needs), asked.transfer)
    if task.needs.leave_out_seen:
        sides = replace(sides, test=unseen(sides.test, manifest.get("groups_seen")))
    models, origin = _model(task, model, manifest, sides) if model else ({}, {})
    say(f"asking about {len(sides.test)} samples; baselines learn from {len(sides.train)}")
    report = task.run(models, sides.train, sides.test)
    facts: dict[str, str | int | float] = {
        "data": shards.manifest.name,
        "data hash": shards.manifest.data_hash,
        "test fold": split.test_fold,
        "part": asked.part,
        **({"asked about; heads and baselines learnt without": asked.transfer} if asked.transfer else {}),
    }
    return replace(report, facts={**facts, **origin, **report.facts})


def _model(
    task: Task[Any], folder: Path, manifest: Mapping[str, Any], sides: HeldOut
) -> tuple[dict[str, Any], dict[str, str]]:
    """The model under its name, and what is known of where it comes from.

    Raises:
        SeenError: it has seen a held-out formula.
    """
    trained_on = refuse_seen({group_of(sample) for sample in sides.test}, manifest.get("groups_seen"))
    told = {"model": str(folder), "model weights": weights(manifest), "model trained on": trained_on}
    return lines_of(task, _name(folder), load(folder)), told


def weights(manifest: Mapping[str, Any]) -> str:
    """sha256 of a model's weights as its manifest has it: what tells it from every other model."""
    return str(manifest.get("sha256", {}).get("model.safetensors", "unknown"))


def split_of(shards: ShardSet, named: Mapping[str, Any], asked: int | None) -> Split:
    """The model's own split; only where it names none another test fold may be asked for.

    Raises:
        UsageError: the model's folds are others than those of the data set, or than those asked for.
    """
    by = shards.manifest.split.get("by", "formula")
    theirs = named.get("by", "formula") if named else by
    folds, own = (theirs, named.get("salt", shards.manifest.split_salt)), named.get("test_fold")
    if folds != (by, shards.manifest.split_salt):
        raise UsageError(
            f"the model's folds were made by {folds[0]} with salt {folds[1]!r}, those of {shards.path} by {by} with "
            f"the salt {shards.manifest.split_salt!r}. Remedy: pass the data set it was trained on"
        )
    if own is not None and asked is not None and int(own) != asked:
        raise UsageError(f"the model was trained without fold {own}, so fold {asked} cannot test it: omit --test-fold")
    return Split(test_fold=int(asked or 0) if own is None else int(own))


def _name(model: Path) -> str:
    """The run's name where the folder is a run's `model/`."""
    folder = model.resolve()
    return folder.parent.name if folder.name == "model" else folder.name
