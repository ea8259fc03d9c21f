"""What may be known of an atom beside its element: its charge and its bonds."""

from typing import Any

import numpy as np

from comma_encoders.errors import InputError

FEATURES = 4
"""Charge, whether it is known, sum of the orders of the atom's bonds, whether bonds are known."""


def _numbers(value: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(value[name], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} have to be numbers: {error}") from error


def bonds_of(value: Any) -> np.ndarray:
    """Bonds, (b, 3): two atoms and an order.

    Raises:
        InputError: another shape; pairs without an order are not taken for fewer bonds with one.
    """
    bonds = _numbers(value, "bonds")
    if bonds.size and (bonds.ndim != 2 or bonds.shape[1] != 3):
        raise InputError(f"bonds have to be (b, 3), two atoms and the order of their bond; got {bonds.shape}")
    return bonds.reshape(-1, 3)


def _charges(value: Any, count: int) -> np.ndarray:
    charges = _numbers(value, "charges")
    if charges.shape != (count,) or not np.isfinite(charges).all():
        raise InputError(f"charges have to be {count} finite numbers, one an atom; got {charges.shape}")
    return charges


def _orders(value: Any, count: int) -> np.ndarray:
    bonds = bonds_of(value)
    with np.errstate(invalid="ignore"):  # what is not finite is refused below
        ends = bonds[:, :2].astype(np.int64)
    if (
        not np.isfinite(bonds).all()
        or (ends != bonds[:, :2]).any()
        or (len(ends) and not 0 <= ends.min() <= ends.max() < count)
    ):
        raise InputError(f"bonds have to be (b, 3): two places among {count} atoms, and the order of the bond")
    return sum((np.bincount(end, bonds[:, 2], minlength=count) for end in ends.T), start=np.zeros(count))


def known(value: Any, count: int) -> np.ndarray:
    """Features of each atom, (count, 4), float32; zeros where nothing is known.

    Args:
        value: a raw structure; `charges` (count,), in elementary charges, and `bonds` (b, 3), pairs of atoms and the
            order of their bond, may be there.
        count: its atoms.

    Raises:
        InputError: charges or bonds that do not fit the atoms.
    """
    features = np.zeros((count, FEATURES), np.float32)
    if value.get("charges") is not None:
        features[:, 0], features[:, 1] = _charges(value, count), 1
    if value.get("bonds") is not None:
        features[:, 2], features[:, 3] = _orders(value, count), 1
    return features
