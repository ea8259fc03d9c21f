"""The loop from values to vectors: coerce, pack, collate, run, and put the rows back in order.

A value that cannot be encoded does not take its batch with it: it is found, and reported with its place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from comma_encoders.errors import InputError, NotFiniteError
from comma_encoders.packing import Packer
from comma_encoders.types import Embedded, Inputs

UNREADABLE = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What objects of other libraries raise where they are not what they look like."""
WINDOW = 1024
"""Values that are held in memory, and packed by size, at a time."""


NOT_FINITE = "its vector is not finite: the value is beyond what the model's numbers hold, or the model is damaged"


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Vectors of the values that could be encoded, and why the others could not."""

    z: Float[Tensor, "accepted dim"]
    """Unit vectors, on the CPU, in the order of the values."""
    places: Int[Tensor, " accepted"]
    """Place of each among the given values, rising."""
    refused: Mapping[int, InputError]
    """Place -> the reason."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """How values of one modality become vectors."""

    coerce: Callable[[Any], Any]
    """User's object -> raw value."""
    collate: Callable[[Sequence[Any]], Inputs]
    """Raw values -> tensors on the CPU."""
    run: Callable[[Inputs], Tensor]
    """Tensors -> unit vectors, (values, dim)."""
    dim: int


def windows(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values in lists of at most `WINDOW`."""
    iterator = iter(values)
    while window := list(islice(iterator, WINDOW)):
        yield window


def _coerced(values: Sequence[Any], way: Way, refused: dict[int, InputError]) -> dict[int, Any]:
    """Place -> raw value; what is no such value is noted in `refused`."""
    raw: dict[int, Any] = {}
    for i, value in enumerate(values):
        try:
            raw[i] = way.coerce(value)
        except InputError as error:
            refused[i] = error
        except UNREADABLE as error:  # any object may stand in a list, and one must not take the others with it
            refused[i] = InputError(f"a {type(value).__name__} cannot be read ({type(error).__name__}: {error})")
    return raw


def _window(values: Sequence[Any], way: Way, batch_size: int, done: Callable[[int], None]) -> Encoded:
    """One window, coerced and encoded."""
    refused: dict[int, InputError] = {}
    raw = _coerced(values, way, refused)
    places = list(raw)
    packer = Packer(way.collate, batch_size)
    z = torch.zeros(len(raw), way.dim)
    for chosen, inputs in packer(list(raw.values())):
        z[chosen] = way.run(inputs).float().cpu()
        done(len(chosen))
    done(len(refused) + len(packer.refused))
    lost: dict[int, InputError] = {
        i: NotFiniteError(NOT_FINITE) for i in torch.flatten((~z.isfinite().all(dim=1)).nonzero()).tolist()
    }
    lost |= packer.refused
    refused |= {places[i]: error for i, error in lost.items()}
    sound = [i for i in range(len(places)) if i not in lost]
    return Encoded(z=z[sound], places=torch.tensor([places[i] for i in sound], dtype=torch.long), refused=refused)


def encode(
    values: Iterable[Any], way: Way, *, batch_size: int, done: Callable[[int], None] = lambda _: None
) -> Encoded:
    """Encode all values; `done` is told how many are newly finished.

    The result does not depend on `batch_size` beyond rounding.
    """
    parts: list[Encoded] = []
    refused: dict[int, InputError] = {}
    places, start = [torch.zeros(0, dtype=torch.long)], 0
    for window in windows(values):
        part = _window(window, way, batch_size, done)
        refused |= {start + i: error for i, error in part.refused.items()}
        places.append(part.places + start)
        parts.append(part)
        start += len(window)
    z = torch.cat([torch.zeros(0, way.dim), *(part.z for part in parts)])
    return Encoded(z=z, places=torch.cat(places), refused=refused)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, and each part back to what it was: some may be frozen while others are trained."""
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def joined(parts: Sequence[Embedded]) -> Embedded:
    """Vectors of one modality, window after window."""
    return Embedded(z=torch.cat([part.z for part in parts]), rows=torch.cat([part.rows for part in parts]))
