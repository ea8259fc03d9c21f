"""Conditions of a text-mined operation in common units: °C and hours."""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from comma_data.errors import CodedError

HOURS: Mapping[str, float] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / 3600),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 1 / 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
    **dict.fromkeys(("week", "weeks"), 168.0),
}
"""Unit of time -> hours."""

OFFSETS: Mapping[str, float] = {**dict.fromkeys(("°c", "degc", "c", "℃", "ºc"), 0.0), "k": -273.15}
"""Unit of temperature (lower case) -> what to add for °C."""

LONGEST_NAME = 200
"""Characters of a name of a material, medium or device."""


class ConditionError(CodedError):
    """A condition that cannot be read; `code` is the reason that is counted."""


def celsius(values: Sequence[Mapping[str, Any]] | None) -> tuple[float, ...]:
    """Temperatures in °C, rising, each once; of a range without values its two ends.

    Args:
        values: `[{"values": [...], "min_value", "max_value", "units"}]`, empty or None.

    Raises:
        ConditionError: Code `unknown-unit` or `bad-number`.
    """
    found = {round(v + _known(OFFSETS, unit), 4) for v, unit in _quantities(values)}
    return tuple(sorted(found))


def hours(values: Sequence[Mapping[str, Any]] | None) -> tuple[float, ...]:
    """Times in hours, rising, each once; arguments and errors as `celsius`."""
    return tuple(sorted({round(v * _known(HOURS, unit), 4) for v, unit in _quantities(values)}))


def names(values: str | Sequence[str] | None) -> tuple[str, ...]:
    """Names of media, atmospheres or devices, each once; two words that the extraction split are one name again.

    Raises:
        ConditionError: Code `bad-text`.
    """
    listed = [values] if isinstance(values, str) else list(values or ())
    return tuple(dict.fromkeys(_joined([clean(v) for v in listed if v and v.strip()])))


def clean(text: str) -> str:
    """The text in Unicode's composed form, without space around it.

    Raises:
        ConditionError: Code `bad-text`: control characters, lone surrogates, direction marks, or too long.
    """
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) > LONGEST_NAME or any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} for c in text):
        raise ConditionError("bad-text", f"{text[:40]!r}: at most {LONGEST_NAME} characters, none of them invisible")
    return text


_FIRST_WORDS = frozenset("ethyl methyl isopropyl propyl butyl benzyl ethylene polyethylene propylene polyvinyl".split())
_SECOND_WORDS = frozenset("alcohol glycol acetate ketone methacrylate oxide".split())


def _joined(words: list[str]) -> Iterable[str]:
    at = 0
    while at < len(words):
        pair = words[at : at + 2]
        double = len(pair) == 2 and pair[0].lower() in _FIRST_WORDS and pair[1].lower() in _SECOND_WORDS
        yield " ".join(pair) if double else pair[0]
        at += 2 if double else 1


def _quantities(values: Sequence[Mapping[str, Any]] | None) -> Iterable[tuple[float, str]]:
    for value in values or ():
        numbers = value.get("values") or (value.get("min_value"), value.get("max_value"))
        for number in numbers:
            if number is None:
                continue
            if not isinstance(number, (int, float)) or not math.isfinite(number):
                raise ConditionError("bad-number", f"{number!r} is no finite number")
            yield float(number), str(value.get("units", ""))


def _known(units: Mapping[str, float], unit: str) -> float:
    if unit.strip().lower() not in units:
        raise ConditionError("unknown-unit", f"unit {unit!r}: known are {', '.join(units)}")
    return units[unit.strip().lower()]
