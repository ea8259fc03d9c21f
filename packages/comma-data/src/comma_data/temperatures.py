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
_RATE = re.compile(
    r"\s{0,2}(?:/(?!\s{0,2}\d)|(?:per|every)\b|an?\s(?:minute|hour)\b(?!\s(?:later|after|before))"
    r"|·?\s{0,2}(?:min|h|s)\s{0,2}[-−–⁻]|\.min)"
)
"""`5 K/min`, but in `1173 K/6 h` a time stands behind a temperature."""
_APART = re.compile(
    r"(?:\b(?<!followed )by|\bwithin|[Δδ∆]\s?T|±|\+/?[-−–]"
    r"|\b(?:difference|increment|interval|step|gradient|hysteresis|undercooling|supercooling)s?\s(?=of\b))"
    r"\s{0,2}(?:(?:of|about|around|approximately|ca\.|only|up\sto|at\sleast)\s|[=≈~<]){0,2}\s{0,2}[-−–]?$",
    re.IGNORECASE,
)
"""In front of how many kelvin two temperatures are apart."""
_LOOK_BACK = 48
"""Characters in front of a number in which that is looked for."""
_NO_KELVIN = re.compile(
    r"\s{0,2}(?:[×X](?!\s{0,2}\d)|rpm|dop(?:ant|ing|ed)s?|ions?|atoms?|magnifications?|cameras?|detectors?|displays?|screens?|videos?"
    r"|images?|pixels?|resolution|wide|apart|steps|intervals|increments"
    r"|higher|lower|hotter|colder|warmer|cooler|above|below)(?!\w)"
)
"""Behind K for potassium, for a thousand, or for how far two temperatures are apart."""
_ONE = re.compile(_NUMBER)
_SIGNED = re.compile(rf"((?<![\w.+])(?<!\d,){_MINUS})?({_NUMBER})(?!\d)")
"""A number that is known to be one; the minus of a tolerance (`25 +-2`) is none."""


def temperatures(text: str) -> Iterator[float]:
    """The temperatures of a text in °C, in order; heating rates (`5 °C/min`) are none.

    A number in front of `K` is in kelvin, unless it is below 1, or the words around it tell of a difference (`cooled by
    20 K`), of potassium or of thousands (`4K camera`). A minus counts where it cannot be the dash of a range.
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
    matches = (match for match in _PATTERN.finditer(text) if not _RATE.match(text, match.end()))
    return (match for match in matches if match["celsius"] or _is_kelvin(text, match))


def _is_kelvin(text: str, match: re.Match[str]) -> bool:
    """Whether the K of a match is that of a temperature."""
    minus = match["numbers"][0] in "-−–"
    apart = _APART.search(text[max(0, match.start() - _LOOK_BACK) : match.start() + minus])
    tiny = all(0 < float(number.replace(",", "")) < 1 for number in _ONE.findall(match["numbers"]))
    return not (apart or tiny or _NO_KELVIN.match(text, match.end()))
