"""Compositions -> fractions of elements."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from comma_encoders.element_properties import SYMBOLS
from comma_encoders.errors import InputError
from comma_encoders.modalities.composition.config import Config

INDEX = {symbol: i for i, symbol in enumerate(SYMBOLS)} | {"D": 0, "T": 0}


LARGE = 1e300
"""The sum of such amounts may be beyond what a float holds."""


def _fractions(value: Any) -> np.ndarray:
    row = np.zeros(len(SYMBOLS))
    for symbol, amount in value.items():
        if symbol not in INDEX:
            raise InputError(f"{symbol!r} in the composition {dict(value)} is not an element")
        if not (np.isfinite(amount) and amount >= 0):
            raise InputError(f"the amount of {symbol} in the composition {dict(value)} is {amount}; it has to be >= 0")
        row[INDEX[symbol]] += amount
    if not row.any():
        raise InputError("a composition without elements; leave the value out instead")
    if row.max() > LARGE:
        row /= row.max()
    return row / row.sum()


def collate(values: Sequence[Any], _config: Config) -> dict[str, Tensor]:
    """`fractions` (values, 118), float32, each row summing to one.

    Raises:
        InputError: an unknown element, a negative amount, nothing at all.
    """
    return {"fractions": torch.from_numpy(np.array([_fractions(v) for v in values], dtype=np.float32))}
