"""How batches go from a worker process to the one that asked: small tensors by value, large ones as torch does it.

torch hands each tensor over as a file descriptor through shared memory, at about a millisecond each, which pays for
pictures; of a protocol or a crystal a batch holds thirty small ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

SMALL = 2**20
"""Bytes of the largest tensor that is passed by value."""
KNOWN = frozenset({torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64})
"""Types that numpy has too."""


@dataclass(frozen=True)
class _Value:
    array: np.ndarray


def packed(state: Any) -> Any:
    """What is pickled for a tensor, or for mappings of them; anything else stays as it is."""
    if isinstance(state, Mapping):
        return {name: packed(value) for name, value in state.items()}
    if isinstance(state, Tensor) and state.device.type == "cpu" and state.dtype in KNOWN and state.nbytes <= SMALL:
        return _Value(state.detach().numpy())
    return state


def unpacked(state: Any) -> Any:
    """The tensors again."""
    if isinstance(state, Mapping):
        return {name: unpacked(value) for name, value in state.items()}
    return torch.from_numpy(state.array) if isinstance(state, _Value) else state


class Passed:
    """Base of frozen dataclasses whose tensors are passed in this way."""

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled."""
        return {name: packed(value) for name, value in vars(self).items()}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """What comes out of a pickle; past the guard of frozen dataclasses, since this makes the object."""
        vars(self).update({name: unpacked(value) for name, value in state.items()})
