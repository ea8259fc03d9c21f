"""Compositions -> fractions of elements, and the table of element properties."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pymatgen.core import Element
from torch import Tensor

from comma_encoders.errors import InputError
from comma_encoders.modalities.composition.config import Config

SYMBOLS = tuple(Element.from_Z(z).symbol for z in range(1, 119))
INDEX = {symbol: i for i, symbol in enumerate(SYMBOLS)} | {"D": 0, "T": 0}


def _properties(element: Element) -> list[float]:
    """Numbers that order the elements chemically; NaN where pymatgen knows none."""
    radius = element.atomic_radius_calculated or element.atomic_radius
    valence = element.common_oxidation_states or (0,)
    numbers = (
        element.Z,
        element.row,
        element.group,
        element.mendeleev_no,
        element.atomic_mass,
        element.X,
        radius,
        max(valence),
        min(valence),
        *(block == element.block for block in "spdf"),
    )
    return [np.nan if number is None else float(number) for number in numbers]


def property_table() -> Float[Tensor, "118 properties"]:
    """Properties of the elements from pymatgen, standardised over the table; an unknown one is the mean, 0."""
    import warnings  # noqa: PLC0415  only here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of each unknown electronegativity
        table = np.array([_properties(Element(symbol)) for symbol in SYMBOLS], dtype=np.float64)
    table = (table - np.nanmean(table, axis=0)) / np.nanstd(table, axis=0)
    return torch.from_numpy(np.nan_to_num(table, nan=0.0).astype(np.float32))


def _fractions(value: Any) -> np.ndarray:
    row = np.zeros(len(SYMBOLS))
    for symbol, amount in value.items():
        if symbol not in INDEX:
            raise InputError(f"{symbol!r} in the composition {dict(value)} is not an element")
        if not (np.isfinite(amount) and amount >= 0):
            raise InputError(f"the amount of {symbol} in the composition {dict(value)} is {amount}; it has to be >= 0")
        row[INDEX[symbol]] += amount
    if row.sum() == 0:
        raise InputError("a composition without elements; leave the value out instead")
    return row / row.sum()


def collate(values: Sequence[Any], _config: Config) -> dict[str, Tensor]:
    """`fractions` (values, 118), float32, each row summing to one.

    Raises:
        InputError: an unknown element, a negative amount, nothing at all.
    """
    return {"fractions": torch.from_numpy(np.array([_fractions(v) for v in values], dtype=np.float32))}
