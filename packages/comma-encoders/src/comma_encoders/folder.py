"""A model on disk: one folder of safetensors and JSON, every file hashed, nothing pickled.

config.json         format, versions, dimension, modality -> config
model.safetensors   weights
<modality>-<field>  files that a config names, such as the vocabulary
manifest.json       sha256 of each of these, and what the trainer says of data and split; written last
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from comma_encoders import __version__
from comma_encoders.errors import InputError, UsageError
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel

FORMAT = 1


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _kept(name: str, config: Any, folder: Path) -> dict[str, Any]:
    """A config as JSON, with copies in the folder of the files that it names."""
    content = asdict(config)
    for key, source in get(name).files(config).items():
        target = f"{name}-{key}{source.suffix}"
        shutil.copyfile(source, folder / target)
        content[key] = target
    return content


def save(model: AlignedModel, folder: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a model into an empty or new folder.

    Args:
        model: the model.
        folder: where to.
        about: what the manifest shall say beside the hashes: data, split, groups seen.

    Raises:
        UsageError: there is something in the folder already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; give a new folder")
    configs = {name: _kept(name, config, folder) for name, config in model.configs.items()}
    head = {"format": FORMAT, "comma_encoders": __version__, "dim": model.dim}
    _write_json(folder / "config.json", {**head, "modalities": configs})
    save_file({k: t.detach().cpu().contiguous() for k, t in model.state_dict().items()}, folder / "model.safetensors")
    hashes = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    _write_json(folder / "manifest.json", {**(about or {}), "sha256": hashes})


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the model's maker says of it; empty for a folder without a manifest.

    Raises:
        UsageError: there is no model in the folder.
        InputError: the manifest cannot be read.
    """
    if not (folder / "config.json").is_file():
        raise UsageError(f"there is no model in {folder}: config.json is missing")
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(manifest, dict):
        raise InputError(f"{path} is damaged: it has to hold an object")
    return manifest


def _verify(folder: Path) -> None:
    hashes = read_manifest(folder).get("sha256")
    if not isinstance(hashes, dict) or not {"config.json", "model.safetensors"} <= hashes.keys():
        raise InputError(f"{folder}/manifest.json does not hold the hashes of the model's files; save the model again")
    for name, expected in hashes.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise InputError(f"{path} is missing; copy the whole folder again")
        if _sha256(path) != expected:
            raise InputError(f"{path} is damaged: its sha256 is not that of the manifest; copy it again")


def _config(name: str, content: Mapping[str, Any], folder: Path) -> Any:
    """A modality's config, with the files that it names found in the folder."""
    modality = get(name)
    known = {f.name for f in fields(modality.Config)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise InputError(f"{folder}: {name} has no setting {unknown[0]!r} in comma-encoders {__version__}; upgrade it")
    config = modality.Config(**content)
    kept = {key: str(folder / Path(str(content[key])).name) for key in modality.files(config)}
    return replace(config, **kept)


def load(folder: Path) -> AlignedModel:
    """Read a model that `save` wrote, after verifying every hash.

    Raises:
        UsageError: there is no model.
        InputError: a damaged or missing file, another format, or weights that do not fit the config.
    """
    folder = Path(folder)
    _verify(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("format") != FORMAT:
        raise InputError(f"{folder} has format {config.get('format')}; comma-encoders {__version__} reads {FORMAT}")
    model = AlignedModel({n: _config(n, c, folder) for n, c in config["modalities"].items()}, config["dim"])
    fit(model, load_file(folder / "model.safetensors"), str(folder))
    return model.eval()


def fit(model: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Put weights into a model.

    Raises:
        InputError: a name or a shape differs; the message gives the first one, expected and found.
    """
    own = model.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        expected = tuple(own[name].shape) if name in own else "nothing"
        found = tuple(weights[name].shape) if name in weights else "nothing"
        if expected != found:
            raise InputError(f"the weights of {origin} do not fit its config: {name} should be {expected}, is {found}")
    model.load_state_dict(dict(weights))
