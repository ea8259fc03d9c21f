"""What the loop needs of a stage."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from comma_encoders.batch import group_code
from torch import Tensor, nn

from comma_align.steps import Part, Steps

Grow = Callable[[Tensor], Tensor]
"""What half precision does to a loss before its backward pass."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The loss of a step, over all processes, and its parts by name."""

    total: float
    terms: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good a model is on the validation fold."""

    value: float | None
    """Larger is better; what a stage that can end early goes by. None where validation says nothing."""
    figures: Mapping[str, Any]
    """For `metrics.jsonl`."""
    note: str
    """A word for the progress line."""
    most: float = math.inf
    """The largest value that can be."""
    tie: float = 0.0
    """What decides between two that have it."""

    def better(self, best: float | None, tie: float) -> bool:
        """Whether it beats the best so far, and that one's tie."""
        if self.value is None:
            return False
        return best is None or self.value > best or (self.value == best >= self.most and self.tie > tie)


class Stage(Protocol):
    """A part of a run with weights, steps and a loss of its own."""

    @property
    def name(self) -> str:
        """As in the config."""
        ...

    @property
    def modules(self) -> nn.ModuleDict:
        """Everything with weights."""
        ...

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """It changes them; each of its groups has its highest rate under `peak`."""
        ...

    @property
    def aside(self) -> Sequence[nn.Parameter]:
        """Weights whose gradient is clipped for itself, so that it says nothing on how far the others go."""
        ...

    @property
    def steps(self) -> Steps:
        """What each step works on."""
        ...

    def backward(self, parts: Sequence[Part], step: int, grow: Grow) -> Terms:
        """Compute the loss of the global batch and leave its gradient, the same in every process, in the parameters."""
        ...

    def figures(self) -> Mapping[str, float]:
        """What else a line of the metrics shall say of the weights."""
        ...

    def validate(self) -> Score:
        """Score the weights on the validation fold."""
        ...

    @property
    def leaves(self) -> str:
        """Name of the folder that a run leaves when this was its last stage."""
        ...

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Write that folder, with what is known of the run."""
        ...


def seeded(*of: object) -> None:
    """Make torch's random numbers depend on these alone: run, step, process, part."""
    torch.manual_seed(group_code("/".join(map(str, of))))
