"""A model on disk: one folder of safetensors and JSON, every file hashed, nothing pickled.

config.json         format, versions, dimension, modality -> config; what heads and imputer the model has
model.safetensors   weights
known.json          values of each modality, and the vectors that the model gave them; asked again when it is loaded
<modality>-<field>  files that a config names, such as the vocabulary
manifest.json       sha256 of each of these, and what the trainer says of data and split; written last
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from comma_encoders import __version__, known
from comma_encoders.device import device as device_of
from comma_encoders.device import floats
from comma_encoders.errors import InputError, UsageError
from comma_encoders.imputer import Imputer
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel

FORMAT = 2


def sha256(path: Path) -> str:
    """Of a file's content, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def dumped(content: Mapping[str, Any]) -> str:
    """JSON as it stands in the files of a model's folder."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(dumped(content), encoding="utf-8")


def _kept(name: str, config: Any, folder: Path) -> dict[str, Any]:
    """A config as JSON, with copies in the folder of the files that it names."""
    content = asdict(config)
    for key, file in get(name).files(config).items():
        content[key] = f"{name}-{key}{file.suffix}"
        (folder / content[key]).write_text(file.content, encoding="utf-8", newline="\n")
    return content


def save(model: AlignedModel, folder: str | Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a model into an empty or new folder.

    Args:
        model: the model.
        folder: where to.
        about: what the manifest shall say beside the hashes: data, split, groups seen; None keeps what the manifest of
            a loaded model said.

    Raises:
        UsageError: there is something in the folder already.
        InputError: the model gives vectors that are not finite.
    """
    folder = Path(folder)
    _ensure_empty(folder)
    try:
        _write(model, folder, about)
    except BaseException:
        for path in folder.iterdir():  # all that is there is ours: another try begins with an empty folder
            path.unlink()
        raise


def _write(model: AlignedModel, folder: Path, about: Mapping[str, Any] | None) -> None:
    configs = {name: _kept(name, config, folder) for name, config in model.configs.items()}
    head = {"format": FORMAT, "comma_encoders": __version__, "dim": model.dim}
    more: dict[str, Any] = {"shared_head": True} if model.shared_head else {}
    if model.imputer is not None:
        more["imputer"] = model.imputer.modalities
    _write_json(folder / "config.json", {**head, "modalities": configs, **more})
    save_file({k: t.detach().cpu().contiguous() for k, t in model.state_dict().items()}, folder / "model.safetensors")
    _write_json(folder / "known.json", known.make(model))
    hashes = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    said = {key: value for key, value in (about or model.about).items() if key != "sha256"}
    _write_json(folder / "manifest.json", {**said, "sha256": hashes})


def overwrite(model: AlignedModel, folder: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a model in place of what a folder holds, which stays as it is if that fails.

    Args:
        model: the model; it may be the one that was loaded from there.
        folder: where to; all that is in it goes.
        about: as `save` takes it.

    Raises:
        InputError: the model gives vectors that are not finite.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        new, old = Path(beside) / "new", Path(beside) / "old"
        save(model, new, about)
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise


def copy(source: Path, folder: Path, about: Mapping[str, Any]) -> None:
    """Copy a model into a new folder byte for byte, known answers included; the manifest alone is written anew.

    Args:
        source: the folder of a model.
        folder: where to; it must not exist, or be empty.
        about: as `save` takes it.

    Raises:
        UsageError: there is something in the folder already, or no model in the source.
        InputError: a file of the source is damaged or missing.
    """
    _verify(source)
    hashes = read_manifest(source)["sha256"]
    _ensure_empty(folder)
    for name in hashes:
        shutil.copyfile(source / name, folder / name)
    said = {key: value for key, value in about.items() if key != "sha256"}
    _write_json(folder / "manifest.json", {**said, "sha256": hashes})
    _verify(folder)


def _ensure_empty(folder: Path) -> None:
    """Make a folder, and refuse one that holds something."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; give a new folder")


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


def _verify(folder: Path) -> Mapping[str, str]:
    """The hashes of the model's files, each of which is there and is what it was."""
    hashes = read_manifest(folder).get("sha256")
    if not isinstance(hashes, dict) or not {"config.json", "model.safetensors"} <= hashes.keys():
        raise InputError(f"{folder}/manifest.json does not hold the hashes of the model's files; save the model again")
    for name, expected in hashes.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise InputError(f"{path} is missing; copy the whole folder again")
        if sha256(path) != expected:
            raise InputError(f"{path} is damaged: its sha256 is not that of the manifest; copy it again")
    return hashes


def _config(name: str, content: Mapping[str, Any], folder: Path, hashes: Mapping[str, str]) -> Any:
    """A modality's config, with the content of the files of the folder that it names."""
    modality = get(name)
    settings = {f.name for f in fields(modality.Config)}
    unknown = sorted(set(content) - settings)
    if unknown:
        raise InputError(f"{folder}: {name} has no setting {unknown[0]!r} in comma-encoders {__version__}; upgrade it")
    stated = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}  # JSON has no tuples
    for key, value in content.items():
        if isinstance(value, str) and value.startswith(f"{name}-{key}.") and value in hashes:
            stated[key] = _text(folder / Path(value).name)
    return modality.bare(modality.Config(**{**getattr(modality.Config, "BEFORE", {}), **stated}))


def _text(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not content:  # in a config it would stand for no file at all
        raise InputError(f"{path} is damaged: it is empty")
    return content


def read_config(folder: Path) -> dict[str, Any]:
    """The content of `config.json`.

    Raises:
        UsageError: there is no model in the folder.
        InputError: it cannot be read, or has a format of another time.
    """
    if not (folder / "config.json").is_file():
        raise UsageError(f"there is no model in {folder}: config.json is missing")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{folder}/config.json is damaged: {error}") from error
    found, origin = (config.get("format"), config.get("comma_encoders")) if isinstance(config, dict) else (None, None)
    if found == 1:
        raise InputError(
            f"{folder} was saved by comma-encoders {origin}, whose encoders 0.2 has replaced; load it with "
            "pip install 'comma-encoders<0.2', or train it again"
        )
    if found != FORMAT:
        raise InputError(
            f"{folder} has format {found}; comma-encoders {__version__} reads {FORMAT}. Remedy: pip install --upgrade "
            "comma-encoders"
        )
    if not isinstance(config.get("modalities"), dict) or not isinstance(config.get("dim"), int):
        raise InputError(f"{folder}/config.json is damaged: it says no modalities, or no dim")
    return dict(config)


def load(
    folder: str | Path,
    *,
    device: str | torch.device = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    verify: bool = True,
) -> AlignedModel:
    """Read a model that `save` wrote, after verifying every hash, and ask it for the vectors that it gave then.

    Args:
        folder: where it is.
        device: `cpu`, `cuda`, `cuda:1`, `mps`, or `auto` for a GPU where there is one.
        precision: in which `embed` and `encode` compute.
        verify: False skips the known answers, not the hashes.

    Raises:
        UsageError: there is no model, or no such device.
        InputError: a damaged or missing file, another format, weights that do not fit the config, or other vectors
            than when it was saved.
    """
    folder = Path(folder)
    if precision not in known.LEAST:
        raise UsageError(f"precision={precision!r}; it has to be {' or '.join(map(repr, known.LEAST))}")
    hashes = _verify(folder)
    config = read_config(folder)
    configs = {n: _config(n, c, folder, hashes) for n, c in config["modalities"].items()}
    with floats(), torch.random.fork_rng(devices=[]):  # the weights that are drawn here are replaced
        model = AlignedModel(configs, config["dim"], shared_head=config.get("shared_head", False))
        if "imputer" in config:
            model.imputer = Imputer(config["imputer"], config["dim"])
    origin = f"{folder}, saved by comma-encoders {config.get('comma_encoders')},"
    fit(model, read_weights(folder / "model.safetensors"), origin)
    model.to(device_of(device)).eval()
    model.precision = precision
    model.about = {key: value for key, value in read_manifest(folder).items() if key != "sha256"}
    if verify:
        known.check(model, _answers(folder), str(folder))
    return model


def _answers(folder: Path) -> dict[str, Any]:
    if "known.json" not in read_manifest(folder)["sha256"]:
        raise InputError(f"{folder} has no known answers (known.json); copy the whole folder again")
    try:
        found = dict(json.loads((folder / "known.json").read_text(encoding="utf-8")))
        return {"versions": dict(found["versions"]), "answers": dict(found["answers"])}
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{folder}/known.json is damaged: {error}; copy the whole folder again") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name.

    Raises:
        InputError: no such file, or none in the format of safetensors.
    """
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from error


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
            raise InputError(
                f"the weights of {origin} do not fit its config under comma-encoders {__version__}: {name} should be "
                f"{expected}, is {found}"
            )
    model.load_state_dict(dict(weights))
