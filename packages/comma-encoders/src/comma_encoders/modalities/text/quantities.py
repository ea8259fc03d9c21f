"""What a number measures, and how much: values in one base unit for each kind, so that a model can compare them."""

import math
from collections.abc import Iterator, Sequence

from comma_encoders.modalities.text.formulas import ELEMENTS
from comma_encoders.modalities.text.lexer import NUMBER, Lexeme
from comma_encoders.modalities.text.units import BY_SYMBOL, KINDS, UNITS, Unit

Quantity = tuple[float, int]
"""log10 of the value in the base unit of its kind, and the kind as a place in `KINDS`."""

_RANGE = frozenset("- ~ ± → , to and or".split())
"""What may stand between numbers that share the unit behind the last one."""
_PER = frozenset(("/", "per", "·", "."))
_ELEMENTS = frozenset(ELEMENTS)
_LARGEST = 6.0


def magnitude(value: float) -> float:
    """log10 of a positive number between 1e-6 and 1e6; the floor for zero and below."""
    return min(max(math.log10(value), -_LARGEST), _LARGEST) if value > 0 else -_LARGEST


def quantities(step: Sequence[Lexeme]) -> Iterator[Quantity | None]:
    """For each lexeme its quantity, None for what has no value.

    The unit of a number is the one behind it, or behind the range or list that it begins (`10-20 min`). A temperature
    by a time (`5 °C/min`) is a heating rate. Temperatures are in K, so that 850 °C and 1123.15 K are equal.
    """
    symbols = [symbol for symbol, _ in step]
    units = _units(symbols)
    for place, (symbol, value) in enumerate(step):
        if value is None:
            yield None
        elif symbol in _ELEMENTS:
            yield magnitude(value), KINDS.index("amount")
        else:
            yield _measured(value, units[place], negative=_negative(symbols[max(0, place - 2) : place]))


def _measured(value: float, unit: Unit | None, *, negative: bool) -> Quantity:
    """A minus counts in front of a temperature only; elsewhere it is a hyphen."""
    if unit is None:
        return magnitude(value), KINDS.index("number")
    signed = -value if negative and unit.kind == "temperature" else value
    return magnitude(unit.factor * signed + unit.offset), KINDS.index(unit.kind)


def _negative(before: Sequence[str]) -> bool:
    """Whether a minus stands before a number; behind another value, as in `10-20`, it is a dash."""
    ends_a_value = len(before) > 1 and (before[0] == NUMBER or before[0] in BY_SYMBOL)
    return len(before) > 0 and before[-1] == "-" and not ends_a_value


def _units(symbols: Sequence[str]) -> list[Unit | None]:
    """The unit of each number, from the last to the first, so that those of a list share the one behind it."""
    units: list[Unit | None] = [None] * len(symbols)
    for place in reversed(range(len(symbols))):
        if symbols[place] == NUMBER:
            behind = symbols[place + 1 : place + 4]
            listed = len(behind) > 1 and behind[0] in _RANGE and behind[1] == NUMBER
            units[place] = units[place + 2] if listed else _unit(behind)
    return units


def _unit(behind: Sequence[str]) -> Unit | None:
    """The unit at the head of these symbols; a heating rate where a time divides a temperature."""
    unit = BY_SYMBOL.get(behind[0]) if behind else None
    time = _divisor(behind[1:]) if unit is not None and unit.kind == "temperature" else None
    if unit is None or time is None:
        return unit
    return Unit(symbol=unit.symbol, kind="rate", factor=unit.factor / time.factor)


def _divisor(behind: Sequence[str]) -> Unit | None:
    """The unit of time by which these symbols divide: `/min`, `per hour`, or `min` as in `°C min-1`."""
    name = behind[1] if len(behind) > 1 and behind[0] in _PER else behind[0] if behind else ""
    unit = BY_SYMBOL.get(name) or UNITS.get(name)
    return unit if unit is not None and unit.kind == "time" else None
