"""Which rows make a batch, what of it is held in memory at a time, and its gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn


class Model(Protocol):
    """What the loop needs of a model and its graphs."""

    module: nn.Module

    def prepare(self, structure: Any) -> Any:
        """What is kept of one structure between epochs; made once, outside of the time that is measured."""
        ...

    def batch(self, prepared: Sequence[Any]) -> Any:
        """What the module takes of these structures."""
        ...

    def output(self, batch: Any) -> Tensor:
        """(structures,), in standard deviations from the mean of the training rows."""
        ...


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Structures as a model keeps them."""

    kept: Sequence[Any]
    atoms: np.ndarray
    """(rows,), of each."""

    @classmethod
    def of(cls, structures: Sequence[Any], prepare: Callable[[Any], Any]) -> "Prepared":
        """Prepare every structure."""
        return cls(kept=[prepare(s) for s in structures], atoms=np.array([len(s["numbers"]) for s in structures]))

    def parts(self, places: np.ndarray, limit: int | None) -> list[np.ndarray]:
        """The places in parts of at most `limit` atoms, in their order; one that has more is a part of its own."""
        if limit is None:
            return [places]
        parts: list[list[int]] = []
        room = 0
        for place in places.tolist():
            if self.atoms[place] > room or not parts:
                parts.append([])
                room = limit
            parts[-1].append(place)
            room -= int(self.atoms[place])
        return [np.array(part) for part in parts]

    def output(self, model: Model, places: np.ndarray) -> Tensor:
        """What the model says of the structures at these places."""
        return model.output(model.batch([self.kept[i] for i in places]))


def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of the rows in an epoch, the first being 0: it follows from seed and epoch, wherever one begins."""
    rng = np.random.default_rng(seed)
    for _ in range(epoch):
        rng.permutation(count)
    return rng.permutation(count)


def backward(model: Model, rows: Prepared, wanted: Tensor, places: np.ndarray, limit: int | None) -> float:
    """Add the gradient of the mean absolute error over these places to the weights', and return the error.

    The parts' gradients sum to the whole batch's, since each counts by its share of the rows. A model that normalises
    over the batch is the exception.
    """
    total = 0.0
    for part in rows.parts(places, limit):
        loss = (rows.output(model, part) - wanted[part]).abs().mean() * (len(part) / len(places))
        loss.backward()
        total += loss.item()
    return total


@torch.no_grad()
def predicted(model: Model, rows: Prepared, limit: int | None, size: int = 256) -> np.ndarray:
    """(rows,), in standard deviations from the mean of the training rows."""
    model.module.eval()
    batches = [np.arange(len(rows.kept))[i : i + size] for i in range(0, len(rows.kept), size)]
    return torch.cat([rows.output(model, part) for batch in batches for part in rows.parts(batch, limit)]).numpy()
