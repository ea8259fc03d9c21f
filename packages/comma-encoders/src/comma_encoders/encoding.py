"""The loop from values to vectors: coerce, pack, collate, run, and put the rows back in order.

A value that cannot be encoded does not take its batch with it: it is found, and reported with its place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from comma_encoders.errors import InputError, KindError, NotFiniteError
from comma_encoders.modality import get
from comma_encoders.packing import Packer, raw_bytes
from comma_encoders.types import Embedded, Inputs

UNREADABLE = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What objects of other libraries raise where they are not what they look like."""
WINDOW = 1024
"""Values that are held in memory, and packed by size, at a time; fewer where they are large."""
HELD = 256 * 2**20
"""Bytes of raw values from which on no more are held."""
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


def _coerced(value: Any, way: Way) -> Any:
    """The raw value, or why there is none."""
    try:
        return way.coerce(value)
    except InputError as error:
        return error
    except UNREADABLE as error:  # any object may stand in a list, and one must not take the others with it
        return InputError(f"a {type(value).__name__} cannot be read ({type(error).__name__}: {error})")


def _windows(values: Iterable[Any], way: Way) -> Iterator[list[Any]]:
    """What `_coerced` gives of the values, in lists of at most `WINDOW`, and of about `HELD` bytes."""
    window: list[Any] = []
    held = 0
    for value in values:
        raw = _coerced(value, way)
        window.append(raw)
        held += raw_bytes(raw)
        if len(window) == WINDOW or held >= HELD:
            yield window
            window, held = [], 0
    if window:
        yield window


def _window(window: Sequence[Any], way: Way, batch_size: int, done: Callable[[int], None]) -> Encoded:
    """The values of one window encoded."""
    refused = {i: raw for i, raw in enumerate(window) if isinstance(raw, InputError)}
    places = [i for i in range(len(window)) if i not in refused]
    packer = Packer(way.collate, batch_size)
    z = torch.zeros(len(places), way.dim, dtype=torch.float32)
    done(len(refused))
    for chosen, inputs in packer([window[i] for i in places]):
        z[chosen] = way.run(inputs).float().cpu()
        done(len(chosen))
    done(len(packer.refused))
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
    for window in _windows(values, way):
        part = _window(window, way, batch_size, done)
        refused |= {start + i: error for i, error in part.refused.items()}
        places.append(part.places + start)
        parts.append(part)
        start += len(window)
    z = torch.cat([torch.zeros(0, way.dim, dtype=torch.float32), *(part.z for part in parts)])
    return Encoded(z=z, places=torch.cat(places), refused=refused)


_LOCK = Lock()
_WITHIN: WeakKeyDictionary[nn.Module, tuple[int, list[nn.Module]]] = WeakKeyDictionary()
"""Module -> how many are within `evaluating` of it, and its parts that were training before the first."""


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, and each part back to what it was: some may be frozen while others are trained.

    Of several threads the first changes the mode and the last changes it back.
    """
    with _LOCK:
        count, training = _WITHIN.get(module, (0, []))
        if not count:
            training = [part for part in module.modules() if part.training]
            for part in training:
                part.training = False
        _WITHIN[module] = count + 1, training
    try:
        yield
    finally:
        with _LOCK:
            count, training = _WITHIN.pop(module)
            if count > 1:
                _WITHIN[module] = count - 1, training
            else:
                for part in training:
                    part.training = True


def joined(parts: Sequence[Embedded]) -> Embedded:
    """Vectors of one modality, window after window."""
    return Embedded(z=torch.cat([part.z for part in parts]), rows=torch.cat([part.rows for part in parts]))


def is_one(modality: str, values: Any) -> bool:
    """Whether one value was given instead of a list; some values, such as structures, can themselves be iterated."""
    if isinstance(values, np.ndarray):  # of pictures it is one itself, grey or in colours
        return modality == "image" and (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in {3, 4}))
    if isinstance(values, list | tuple | Iterator):
        return False
    if isinstance(values, str | bytes | Path | Mapping) or not isinstance(values, Iterable):
        return True
    try:
        get(modality).coerce(values)
    except (KindError, *UNREADABLE):
        return False
    except InputError:  # a disordered structure is one too
        pass
    return True
