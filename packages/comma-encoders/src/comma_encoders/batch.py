"""Samples -> batches."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from comma_encoders.errors import InputError
from comma_encoders.modality import get
from comma_encoders.types import Batch, SampleLike


def group_code(group: str) -> int:
    """A 63-bit code of a group's name, the same in every process and run."""
    return int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest(), "big") >> 1


def _groups(samples: Sequence[SampleLike]) -> dict[str, Tensor]:
    """Codes of the groups that every sample has."""
    shared = set(samples[0].groups).intersection(*(s.groups for s in samples[1:])) if samples else set()
    return {g: torch.tensor([group_code(f"{g}={s.groups[g]}") for s in samples]) for g in sorted(shared)}


def _refused(name: str, values: Sequence[Any], config: Any, error: InputError) -> tuple[int, InputError]:
    """The place of the first value that cannot be collated alone, and why; the first place where each one can."""
    for place, value in enumerate(values):
        try:
            get(name).collate([value], config)
        except InputError as alone:
            return place, alone
    return 0, error


def collate(samples: Sequence[SampleLike], configs: Mapping[str, Any]) -> Batch:
    """A batch of all values that the samples have in the modalities of `configs`.

    Args:
        samples: each with zero or more values per modality.
        configs: modality -> its config.

    Raises:
        InputError: a value that cannot be encoded; the message names the modality and the sample, by its place where it
            has no id.
    """
    inputs: dict[str, Mapping[str, Tensor]] = {}
    rows: dict[str, Tensor] = {}
    for name, config in configs.items():
        owners = [i for i, s in enumerate(samples) for _ in s.fields.get(name, ())]
        if not owners:
            continue
        values = [value for s in samples for value in s.fields.get(name, ())]
        try:
            inputs[name] = get(name).collate(values, config)
        except InputError as error:
            place, why = _refused(name, values, config, error)
            owner = owners[place]
            raise InputError(f"{name}: {why} (sample {getattr(samples[owner], 'id', owner)})") from error
        rows[name] = torch.tensor(owners)
    return Batch(inputs=inputs, rows=rows, groups=_groups(samples))
