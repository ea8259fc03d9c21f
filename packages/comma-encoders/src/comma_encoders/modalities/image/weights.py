"""Pretrained weights of a backbone: a local safetensors file, or one of the Hugging Face hub. Nothing is unpickled."""

from dataclasses import replace
from pathlib import Path

import timm
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from comma_encoders.errors import InputError, MissingDependencyError, UsageError
from comma_encoders.modalities.image.config import Config

HUB_FILE = "model.safetensors"
SUFFIX = ".safetensors"


def without_weights(config: Config) -> Config:
    """The config of the same backbone for weights that come from elsewhere, such as a saved model's folder."""
    return replace(config, pretrained="")


def read(pretrained: str, name: str) -> dict[str, Tensor]:
    """The weights that a config names.

    Args:
        pretrained: `Config.pretrained`, not empty.
        name: the backbone's name in timm.

    Raises:
        UsageError: no such file, another kind of file, or timm names no weights.
        InputError: the file is damaged.
        MissingDependencyError: the hub cannot be reached.
    """
    path = _local(pretrained) if _means_file(pretrained) else _fetched(pretrained, name)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"image: {path} cannot be read as safetensors: {error}; copy or fetch it again") from error


def _means_file(pretrained: str) -> bool:
    return pretrained.endswith(SUFFIX) or Path(pretrained).exists()


def _local(pretrained: str) -> Path:
    path = Path(pretrained)
    if path.suffix != SUFFIX:
        raise UsageError(
            f"image: pretrained is {pretrained!r}; only {SUFFIX} files are read, since a pickle can run code. "
            "Convert it with torch.load(FILE, weights_only=True) and safetensors.torch.save_file"
        )
    if not path.is_file():
        raise UsageError(f"image: there is no file {path} (pretrained); give an existing one, 'hub' or 'owner/name'")
    return path


def _fetched(pretrained: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download  # noqa: PLC0415  only those who ask for the hub wait for it

    repository, _, revision = _repository(pretrained, name).partition("@")
    try:
        return Path(hf_hub_download(repository, HUB_FILE, revision=revision or None))
    except (OSError, ValueError) as error:
        reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        url = f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{HUB_FILE}"
        raise MissingDependencyError(
            f"image: {HUB_FILE} of {repository} could not be fetched from the Hugging Face hub ({reason}). "
            f"Remedy: fetch {url} elsewhere, and give the path of the file as `pretrained`"
        ) from error


def _repository(pretrained: str, name: str) -> str:
    if pretrained != "hub":
        if pretrained.count("/") != 1:
            raise UsageError(
                f"image: pretrained is {pretrained!r}; give the path of a {SUFFIX} file, 'hub', or 'owner/name' of a "
                "repository on the Hugging Face hub"
            )
        return pretrained
    own = timm.get_pretrained_cfg(name)
    if own is None or not own.hf_hub_id:
        raise UsageError(f"image: timm names no weights for {name!r}; see timm.list_pretrained('{name}*')")
    return str(own.hf_hub_id)
