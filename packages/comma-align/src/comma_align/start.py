"""The first weights of a run from a model that is there."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from comma_data.split import group_hash
from comma_encoders import folder, locate
from comma_encoders.errors import EncoderError
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel

from comma_align.errors import RunError

FREE = frozenset({"dropout", "patch_drop", "max_edges", "tune"})
"""Settings of encoders that change how they are trained or what they refuse, and not what they make of a value."""


def model_of(path: Path) -> Path:
    """The folder that holds the model: of a run's folder its `model/` or its predictor's, else the folder itself.

    A name such as `comma-small` is the model of the package, as it is for every command, unless a folder is called so.
    """
    if not path.is_dir() and str(path) in locate.shipped():
        return locate.SHIPPED / path
    inner = (path / "model", path / "predictor" / "model")
    return next((place for place in inner if (place / "config.json").is_file()), path)


def seen_by(path: Path) -> frozenset[str] | None:
    """Hashes of the groups that a model saw in its training; None where it does not say.

    Raises:
        RunError: there is no such model.
    """
    try:
        told = folder.read_manifest(model_of(path)).get("groups_seen")
    except EncoderError as error:
        raise RunError(f"start: {error}") from error
    return None if told is None else frozenset(told)


def refuse_seen(path: Path, held_out: Collection[str]) -> None:
    """Refuse a first model that saw what a run is validated or tested on.

    Args:
        path: the model.
        held_out: groups, by default formulas, of the validation and the test fold.

    Raises:
        RunError: it did, with some of them; or there is no such model.
    """
    seen = seen_by(path) or frozenset()
    leaked = sorted(group for group in set(held_out) if group_hash(group) in seen)
    if leaked:
        raise RunError(
            f"start: {path} has seen {len(leaked)} of the {len(set(held_out))} groups that this run holds out for "
            f"validation and test ({', '.join(leaked[:5])}{', ...' if len(leaked) > 5 else ''}). Remedy: give the "
            "test_fold that it was trained with, or start from a model that has not seen them"
        )


def start_from(model: AlignedModel, path: Path) -> None:
    """Put the encoders of a saved model into this one, and its heads where they fit.

    Raises:
        RunError: there is no model, it has none of the modalities, or an encoder of another config; the message names
            the settings that differ. Dropout and the like may.
    """
    place = model_of(path)
    try:
        other = folder.load(place)
    except EncoderError as error:
        raise RunError(f"start: {error}") from error
    shared = [name for name in model.configs if name in other.configs]
    if not shared:
        raise RunError(f"start: {place} has {', '.join(other.configs)}, and none of {', '.join(model.configs)}")
    for name in shared:
        _check(name, model, other, place)
        model.encoders[name].load_state_dict(other.encoders[name].state_dict())
    if (other.dim, other.shared_head) == (model.dim, model.shared_head):
        for name in [n for n in model.heads if n in other.heads]:
            model.heads[name].load_state_dict(other.heads[name].state_dict())


def _check(name: str, model: AlignedModel, other: AlignedModel, place: Path) -> None:
    """Refuse weights of an encoder that would read its values otherwise here, by the settings."""
    ours, theirs = (_function(name, of.configs[name]) for of in (model, other))
    apart = [key for key in ours if ours[key] != theirs[key]]
    wanted, found = ({k: t.shape for k, t in of.encoders[name].state_dict().items()} for of in (model, other))
    if not apart and wanted != found:
        raise RunError(f"start: the {name} encoder of {place} is of another version; train it again")
    if not apart:
        return
    kept = get(name).files(other.configs[name])
    told = [f"{name}.{key} is {theirs[key]!r} in {place}, {ours[key]!r} here" for key in apart if key not in kept]
    told += [f"{name}.{key} has another content in {place}" for key in apart if key in kept]
    remedy = [f"encoders.{name}.{key} to {theirs[key]!r}" for key in apart if key not in kept]
    remedy += [f"encoders.{name}.{key} to {place / f'{name}-{key}{kept[key].suffix}'}" for key in apart if key in kept]
    raise RunError(f"start: {'; '.join(told)}. Remedy: set {', '.join(remedy)}, or leave `start` out")


def _function(name: str, config: Any) -> dict[str, Any]:
    """What decides what an encoder of given weights makes of a value: its settings, and the content of its files."""
    files = {key: file.content for key, file in get(name).files(config).items()}
    return {key: value for key, value in {**vars(config), **files}.items() if key not in FREE}
