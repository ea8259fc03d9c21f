"""What users have -> raw composition: a formula, a pymatgen Composition, a mapping."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from comma_encoders.element_properties import SYMBOLS
from comma_encoders.errors import InputError, KindError
from comma_encoders.hydrates import WATER


def coerce(value: Any) -> dict[str, float]:
    """Element -> amount, from a formula such as `LiFePO4`, a pymatgen Composition, or a mapping.

    Raises:
        InputError: none of these, or not a formula. Hydrates and other adducts that are written with a dot are refused
            rather than misread.
    """
    from pymatgen.core import Composition  # noqa: PLC0415  half a second

    if isinstance(value, Composition):
        return {str(symbol): float(amount) for symbol, amount in value.get_el_amt_dict().items()}
    if isinstance(value, Mapping):
        return _amounts(value)
    if not isinstance(value, str):
        raise KindError(f"cannot make a composition of {type(value).__name__}; give a formula or a mapping")
    try:
        if any(dot in value for dot in ("·", "*", "•")) or _counts_water(value) or _counts_units(value):
            raise ValueError("it is written as an adduct")  # noqa: TRY301  one message for all that cannot be read
        return coerce(Composition(value, strict=True))
    except ValueError as error:
        raise InputError(
            f"{value!r} is not a plain formula ({error}); write it like LiFePO4, adducts as one sum of elements"
        ) from error


ADDUCT = re.compile(r"\.\s*\d+(?:\.\d+)?\s*\(?\s*(?:NH3|D2O)")
"""A count behind a dot and what it counts, as in MgCl2.6NH3, which pymatgen would take for decimals."""


UNITS = re.compile(r"\.(?=(?P<count>[1-9]\d*)(?P<unit>[A-Z][A-Za-z0-9()]*)$)")
"""A dot, a whole number and a formula behind it: decimals as in La.7Sr.3, or a count as in BaO.6Fe2O3."""


def _counts_units(formula: str) -> bool:
    """Whether a plain dot may stand before a count of formula units: both sides of it are whole compounds."""
    from pymatgen.core import Composition  # noqa: PLC0415  half a second

    if ADDUCT.search(formula):
        return True
    found = UNITS.search("".join(formula.split()))
    if found is None:
        return False
    try:
        sides = [Composition(side, strict=True) for side in (found.string[: found.start()], found["unit"])]
    except ValueError:
        return False
    return all(len(side) > 1 and _neutral(side) for side in sides)


def _neutral(side: Any) -> bool:
    try:
        return bool(side.oxi_state_guesses())
    except ValueError:  # amounts that are not whole
        return False


def _counts_water(formula: str) -> bool:
    """Whether a count of water stands, or may stand, behind a plain dot; pymatgen would take it for decimals."""
    closed = "".join(formula.split())
    found = WATER.search(closed)
    return ".5H2O" in closed or (found is not None and found["count"] is not None)


def _amounts(value: Mapping[Any, Any]) -> dict[str, float]:
    try:
        return {str(symbol): float(amount) for symbol, amount in value.items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"the amounts of the composition {dict(value)} have to be numbers: {error}") from error


def example(rng: np.random.Generator) -> dict[str, float]:
    """Two to four random elements with small amounts."""
    chosen = rng.choice(94, size=int(rng.integers(2, 5)), replace=False)
    return {SYMBOLS[i]: float(rng.integers(1, 8)) for i in chosen}
