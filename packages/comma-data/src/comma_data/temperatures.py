"""Temperatures in running text: where they stand, and all of them in °C."""

import re
from collections.abc import Iterator

COLDEST = -273.15
"""°C; nothing is colder."""
HOTTEST = 4000.0
"""°C; no furnace, melt or crystal growth is hotter."""

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_MINUS = r"(?:(?<![\d)°%]\s)(?<![)°%])[-−–])"
_DEGREES = r"(?:[°º˚]\s?C|℃|o\s?C|deg\.?\s?C|degrees?\s+(?:C|[Cc]elsius|[Cc]entigrade))(?![A-Za-z])"
# the quantifiers are bounded so that the search stays linear on hostile text
_PATTERN = re.compile(
    rf"(?<![\w.])(?<!\d,)(?P<numbers>{_MINUS}?{_NUMBER}"
    rf"(?:\s{{0,2}}(?:[-−–—~]|to|and|or|,)\s{{0,2}}{_NUMBER}){{0,6}})"
    rf"(?P<gap>\s{{0,2}})(?:(?P<celsius>{_DEGREES})|(?P<kelvin>K(?![\w+]|-[a-z])))"
)
_RATE = re.compile(r"\s{0,2}(?:/|per\b|·?\s{0,2}(?:min|h|s)\s{0,2}[-−–⁻]|\.min)")
_ONE = re.compile(_NUMBER)
_SIGNED = re.compile(rf"((?<![\w.+])(?<!\d,){_MINUS})?({_NUMBER})(?!\d)")
"""A number that is known to be one; the minus of a tolerance (`25 +-2`) is none."""


def temperatures(text: str) -> Iterator[float]:
    """The temperatures of a text in °C, in order; heating rates (`5 °C/min`) are none.

    A number in front of `K` is in kelvin. A minus counts where it cannot be the dash of a range.
    """
    for match in _found(text):
        sign = -1.0 if match["numbers"][0] in "-−–" else 1.0
        for i, number in enumerate(_ONE.findall(match["numbers"])):
            value = float(number.replace(",", "")) * (sign if i == 0 else 1.0)
            yield value + COLDEST if match["kelvin"] else value


def numbers(text: str, *, before: str = "") -> Iterator[float]:
    """The numbers of words that are known to give some, in order, read as `temperatures` reads those of a text.

    Args:
        text: The words, e.g. `-78`, `1,100` or `900-1250`.
        before: What stands in front of them, which tells a minus from the dash of a range.
    """
    for sign, number in (match.groups() for match in _SIGNED.finditer(before + text, len(before))):
        yield float(number.replace(",", "")) * (-1.0 if sign else 1.0)


def in_celsius(text: str) -> str:
    """The text with every temperature in °C and written `850 °C`; whatever is no temperature stays as it is."""
    pieces, end = [], 0
    for match in _found(text):
        numbers = match["numbers"]
        if match["kelvin"]:
            numbers = _ONE.sub(lambda number: f"{float(number[0].replace(',', '')) + COLDEST:.6g}", numbers)
        pieces += [text[end : match.start()], numbers, " °C"]
        end = match.end()
    return "".join([*pieces, text[end:]])


def impossible(text: str) -> float | None:
    """The first temperature of a text that is below absolute zero or above `HOTTEST`, °C."""
    return next((t for t in temperatures(text) if not COLDEST <= t <= HOTTEST), None)


def _found(text: str) -> Iterator[re.Match[str]]:
    return (match for match in _PATTERN.finditer(text) if not _RATE.match(text, match.end()))
