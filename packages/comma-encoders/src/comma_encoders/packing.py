"""Which values go into a batch together: those of similar size, and no more than memory bears.

What a batch costs is the count of numbers that its collated tensors hold: for structures mostly the edges, for text the
padded tokens, for images the pixels after resizing. It is known once a batch is made, so the numbers per byte of the
last batch predict the next; values are taken from small to large, so the prediction is of a like kind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from comma_encoders.errors import InputError, UsageError
from comma_encoders.types import Inputs

BUDGET = 1_000_000
"""Numbers in the tensors of one batch: five times what 64 crystals of 25 atoms have."""
FIRST_RATE = 4.0
"""Numbers per byte before anything was measured: that of crystals with a cutoff of 5 Å."""


def raw_bytes(value: Any) -> int:
    """About how many bytes a raw value holds."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(raw_bytes, value.values()))
    return sum(map(raw_bytes, value)) if isinstance(value, tuple | list) else 8


def numbers(inputs: Inputs) -> int:
    """Numbers in the tensors of a batch."""
    return sum(tensor.numel() for tensor in inputs.values())


def how_many(sizes: Sequence[int], batch_size: int, room: float) -> int:
    """How many of the first sizes fit: at least one, at most `batch_size`, in sum at most `room`."""
    total = 0.0
    for count, size in enumerate(sizes[:batch_size]):
        total += size
        if total > room and count:
            return count
    return min(len(sizes), batch_size)


class Packer:
    """Makes batches of one modality; remembers what the last one cost, and which values cannot be collated."""

    def __init__(self, collate: Callable[[Sequence[Any]], Inputs], batch_size: int, budget: int = BUDGET) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size={batch_size}; it has to be at least 1")
        self.collate = collate
        self.batch_size = batch_size
        self.budget = budget
        self.rate = FIRST_RATE
        self.refused: dict[int, InputError] = {}
        """Place -> why the value there is in no batch."""

    def __call__(self, values: Sequence[Any]) -> Iterator[tuple[list[int], Inputs]]:
        """(places of the values, their collated batch); every value once, here or in `refused`."""
        sizes = [max(1, raw_bytes(value)) for value in values]
        order = sorted(range(len(values)), key=sizes.__getitem__)
        start = 0
        while start < len(order):
            waiting = order[start : start + self.batch_size]
            count = how_many([sizes[i] for i in waiting], self.batch_size, self.budget / self.rate)
            places, inputs = self._collated(values, waiting[:count])
            if inputs is not None:
                self.rate = max(1e-6, numbers(inputs) / sum(sizes[i] for i in places))
                yield places, inputs
            start += count

    def _collated(self, values: Sequence[Any], places: list[int]) -> tuple[list[int], Inputs | None]:
        """The values at these places as a batch, without those that cannot be collated: they are found one by one."""
        try:
            return places, self.collate([values[i] for i in places])
        except InputError as error:
            if len(places) == 1:
                self.refused[places[0]] = error
                return [], None
        sound = [i for i in places if self._collated(values, [i])[0]]
        return (sound, self.collate([values[i] for i in sound])) if sound else ([], None)
