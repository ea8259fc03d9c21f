"""Elements of the materials that a protocol names, weighed by moles where it gives them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from comma_encoders.modalities.text.formulas import ELEMENTS
from comma_encoders.modalities.text.lexer import FORMULA, NUMBER, REMEMBERED, Lexeme, lexed
from comma_encoders.modalities.text.units import BY_SYMBOL

COLUMNS: Mapping[str, int] = {symbol: column for column, symbol in enumerate(ELEMENTS)}

Material = tuple[float | None, tuple[Lexeme, ...]]
"""Moles, None where the text gives none, and the elements of one formula unit with their amounts."""


def amounts(steps: Sequence[str]) -> dict[int, float]:
    """Column (atomic number - 1) -> amount, over all formulas of a protocol.

    Where moles stand before some formulas only those count, by their moles; otherwise one formula unit of each counts.
    An amount that is a variable counts as one.
    """
    total: defaultdict[int, float] = defaultdict(float)
    for part in added(steps):
        for column, amount in part:
            total[column] += amount
    return dict(total)


def ratios_known(steps: Sequence[str]) -> bool:
    """Whether `amounts` are in the ratios of the material: some formula is weighed out, or there is only one."""
    named = [moles for step in steps for moles, _ in _materials(step)]
    return len(named) < 2 or any(moles is not None for moles in named)


def added(steps: Sequence[str]) -> list[list[tuple[int, float]]]:
    """What each formula of a protocol adds to `amounts`, in the order in which they are written."""
    named = [material for step in steps for material in _materials(step)]
    weighed = any(moles is not None for moles, _ in named)
    weights = [(moles or 0.0) if weighed else 1.0 for moles, _ in named]
    return [
        [(COLUMNS[element], weight * (1.0 if amount is None else amount)) for element, amount in parts]
        for weight, (_, parts) in zip(weights, named, strict=True)
    ]


def _materials(step: str) -> tuple[Material, ...]:
    return _remembered(step) if len(step) <= REMEMBERED else tuple(_read(step))


@lru_cache(maxsize=65536)
def _remembered(step: str) -> tuple[Material, ...]:
    return tuple(_read(step))


def _read(step: str) -> Iterator[Material]:
    read = lexed(step)
    for place, (symbol, _) in enumerate(read):
        if symbol == FORMULA:
            parts = []
            for lexeme in read[place + 1 :]:
                if lexeme[0] not in COLUMNS:
                    break
                parts.append(lexeme)
            yield _moles(read[max(0, place - 3) : place]), tuple(parts)


def _moles(before: Sequence[Lexeme]) -> float | None:
    """`0.5 mol`, `2 mmol of`: the number of moles at the end of these lexemes."""
    behind = [*before]
    if behind and behind[-1][0] == "of":
        behind.pop()
    unit = BY_SYMBOL.get(behind[-1][0]) if behind else None
    if unit is None or unit.kind != "substance" or len(behind) < 2 or behind[-2][0] != NUMBER:
        return None
    value = behind[-2][1]
    return None if value is None else value * unit.factor
