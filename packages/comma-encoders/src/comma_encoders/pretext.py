"""Self-supervised tasks: hide a part of what an encoder takes, and predict it from the rest."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.types import Inputs

E = TypeVar("E", bound=nn.Module)


class Task(nn.Module, ABC, Generic[E]):
    """Prediction heads on an encoder, and the losses of what they predict.

    The losses see the inputs only as `corrupted` leaves them, so that what it hides cannot reach a prediction.
    """

    def __init__(self, encoder: E) -> None:
        super().__init__()
        # in a tuple, where torch does not look for modules: the heads are thrown away after the task, and a trainer
        # that holds the encoder already would train and save it twice
        self._encoder = (encoder,)

    @property
    def encoder(self) -> E:
        """What is trained by this task."""
        return self._encoder[0]

    def forward(self, inputs: Inputs, rng: torch.Generator) -> dict[str, Float[Tensor, ""]]:
        """A loss for each thing that is predicted of what chance has hidden in the inputs, which stay as they are."""
        seen, targets = self.corrupted(inputs, rng)
        return self.losses(seen, targets)

    @abstractmethod
    def corrupted(self, inputs: Inputs, rng: torch.Generator) -> tuple[Inputs, Inputs]:
        """What the encoder is shown, and what it has to predict."""

    @abstractmethod
    def losses(self, seen: Inputs, targets: Inputs) -> dict[str, Float[Tensor, ""]]:
        """How far the predictions are from the targets, by name."""
