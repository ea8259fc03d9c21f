"""The nouns that pass between encoders, losses and scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from comma_encoders.passing import Passed

Inputs = Mapping[str, Tensor]
"""What one encoder takes: named tensors. Every modality's `collate` says which."""


@runtime_checkable
class SampleLike(Protocol):
    """What an encoder needs of a sample; `comma_data.Sample` is one."""

    @property
    def fields(self) -> Mapping[str, tuple[Any, ...]]:
        """Modality -> raw values."""
        ...

    @property
    def groups(self) -> Mapping[str, str]:
        """Group name -> the group that the sample belongs to."""
        ...


@dataclass(frozen=True, kw_only=True)
class Batch(Passed):
    """Samples made ready for the encoders; a modality that no sample has is not there."""

    inputs: Mapping[str, Inputs]
    rows: Mapping[str, Int[Tensor, "_"]]
    """rows[m][i] is the sample that value i of modality m belongs to."""
    groups: Mapping[str, Int[Tensor, " samples"]]
    """Codes of the samples' groups: equal code, equal group, on every process."""

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        return Batch(
            inputs={m: {k: t.to(device) for k, t in inputs.items()} for m, inputs in self.inputs.items()},
            rows={m: t.to(device) for m, t in self.rows.items()},
            groups={g: t.to(device) for g, t in self.groups.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Unit vectors of one modality, and the samples that they belong to."""

    z: Float[Tensor, "present dim"]
    rows: Int[Tensor, " present"]
