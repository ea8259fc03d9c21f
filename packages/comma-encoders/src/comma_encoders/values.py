"""Files and formulas named by a user -> vectors, for the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from comma_encoders.errors import InputError
from comma_encoders.guess import modality_of
from comma_encoders.model import AlignedModel
from comma_encoders.table import Table


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Vectors of what could be encoded, and why the rest could not."""

    table: Table
    refused: Mapping[str, InputError]
    """Value -> the reason."""


def read_text(path: str | Path) -> str:
    """The content of a text file.

    Raises:
        InputError: it is not there, or not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _readable(values: Sequence[str], modality: str) -> tuple[dict[str, Any], dict[str, InputError]]:
    """What the encoder takes for each value, and what cannot be read: texts are files, the rest reads itself."""
    contents: dict[str, Any] = {}
    refused: dict[str, InputError] = {}
    for value in values:
        try:
            contents[value] = read_text(value) if modality == "text" else value
        except InputError as error:
            refused[value] = error
    return contents, refused


def _sorted_out(values: Sequence[str], modality: str | None) -> dict[str, list[str]]:
    """Modality -> its values."""
    groups: dict[str, list[str]] = {}
    for value in values:
        groups.setdefault(modality or modality_of(value), []).append(value)
    return groups


def embed(model: AlignedModel, values: Sequence[str], modality: str | None, *, batch_size: int = 64) -> Outcome:
    """Encode files (structure, image, xrd, text) or formulas (composition).

    Args:
        model: the model.
        values: paths, or formulas; a repeated one counts once.
        modality: what all of them are; None tells each by the ending of its name.
        batch_size: values in a batch at most.

    Raises:
        UsageError: it cannot be told what a value is, or the model lacks the modality.
    """
    groups = _sorted_out(list(dict.fromkeys(values)), modality)
    for name in groups:
        model.check_has(name)
    names: list[str] = []
    kinds: list[str] = []
    parts = [torch.zeros(0, model.dim, dtype=torch.float32)]
    refused: dict[str, InputError] = {}
    for kind, group in groups.items():
        contents, unread = _readable(group, kind)
        encoded = model.encode_all(kind, list(contents.values()), batch_size=batch_size)
        given = list(contents)
        refused |= unread | {given[place]: error for place, error in encoded.refused.items()}
        names += [given[place] for place in encoded.places.tolist()]
        kinds += [kind] * len(encoded.places)
        parts.append(encoded.z)
    # a name of a file that is not UTF-8 can be written nowhere else
    told = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    return Outcome(table=Table(values=told, modalities=kinds, vectors=torch.cat(parts).numpy()), refused=refused)
