"""Protocols -> lexemes: formulas as elements with amounts, numbers with their value, units, words and signs."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from comma_encoders.modalities.text.formulas import AMBIGUOUS, LONGEST, parse
from comma_encoders.modalities.text.units import BY_SYMBOL, UNITS

FORMULA, NUMBER = "[FORMULA]", "[NUMBER]"
PLACEHOLDERS = ("[compound]", "[target]")
"""What stands in a protocol where the name of a material was taken out; one symbol each."""

Lexeme = tuple[str, float | None]
"""Symbol, and the value of a number or an amount."""

REMEMBERED = 1000
"""Characters of the longest step of which anything is remembered."""

_CHARACTERS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789") | {
    0x2103: "°C",
    0x00BA: "°",
    0x02DA: "°",
    0x03BC: "µ",
    0x2212: "-",
    0x2010: "-",
    0x2011: "-",
    0x2013: "-",
}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+"
_PLACEHOLDER = "|".join(map(re.escape, PLACEHOLDERS))
_LEXEME = re.compile(
    rf"(?P<hole>{_PLACEHOLDER})|(?P<number>{_NUMBER})|(?P<unit>°[CF]|(?:wt|mol|at)?%)|(?P<word>[^\W\d_]+)|(?P<sign>\S)"
)
_JOINTS = re.compile(r"([/:+]|(?<!\d[eE])-)")
_EDGES = "'\"“”‘’,;:!?"


def normalised(text: str) -> str:
    """NFC, subscript digits as digits, one kind of minus, micro and degree sign, no control characters."""
    text = unicodedata.normalize("NFC", text).translate(_CHARACTERS)
    return "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)


def _formula(word: str, *, first: bool) -> list[Lexeme]:
    """`[FORMULA]` and the elements of a formula; empty for other words, and for English ones at the start of a step."""
    parts = None if first and word in AMBIGUOUS else parse(word)
    return [(FORMULA, None), *parts] if parts else []


def _unwrapped(chunk: str) -> str:
    """A chunk without the punctuation around it, parentheses included unless they belong to a formula."""
    core = chunk.strip(_EDGES).removesuffix(".")
    if len(core) > LONGEST:
        return core
    while core.startswith("(") and core.endswith(")") and parse(core) is None:
        core = core[1:-1].strip(_EDGES)
    return core


def _lexeme(match: re.Match[str], *, first: bool, unit_may_follow: bool) -> list[Lexeme]:
    text = match.group()
    if match.lastgroup == "number":
        return [(NUMBER, float(text.replace(",", "")))]
    if unit_may_follow and text in UNITS:
        return [(UNITS[text].symbol, None)]
    if match.lastgroup == "word":
        return _formula(text, first=first) or [(text.lower(), None)]
    return [(text, None)]


def words(step: str) -> list[str]:
    """What stands between white space, normalised."""
    return normalised(step).split()


def _chunks(step: str) -> Iterator[tuple[int, str]]:
    """Words with their place; what is joined by a sign, as in N2/H2 or 1200-1300, is taken apart unless a formula."""
    for place, word in enumerate(words(step)):
        if parse(_unwrapped(word)) is None:
            yield from ((place, part) for part in _JOINTS.split(word) if part)
        else:
            yield place, word


def lexemes(step: str) -> Iterator[Lexeme]:
    """(symbol, value) in order: `[FORMULA]` and its elements, `[NUMBER]`, units such as `[°C]`, lower-case words.

    A unit is read behind a number, and behind `/` or `per` where a unit stands before that, as in `5 °C/min`.
    """
    return (lexeme for _, lexeme in in_words(step))


def in_words(step: str) -> Iterator[tuple[int, Lexeme]]:
    """The lexemes, each with the place among `words` of the one that it is part of."""
    before: tuple[str, ...] = ("", "")
    for position, (word, chunk) in enumerate(_chunks(step)):
        core = _unwrapped(chunk)
        formula = [] if core in UNITS and _unit_may_follow(before) else _formula(core, first=position == 0)
        if formula:
            yield from ((word, lexeme) for lexeme in formula)
            before = ("", FORMULA)
            continue
        for match in _LEXEME.finditer(chunk):
            for lexeme in _lexeme(match, first=position == 0, unit_may_follow=_unit_may_follow(before)):
                yield word, lexeme
                before = (before[1], lexeme[0])


def lexed(step: str) -> tuple[Lexeme, ...]:
    """All lexemes of a step; the latest are remembered, since tokens and materials of a batch are both read of them."""
    return _lexed(step) if len(step) <= REMEMBERED else tuple(lexemes(step))


@lru_cache(maxsize=4096)
def _lexed(step: str) -> tuple[Lexeme, ...]:
    return tuple(lexemes(step))


def _unit_may_follow(before: tuple[str, ...]) -> bool:
    """Whether the two symbols before leave room for a unit."""
    return before[1] == NUMBER or (before[1] in ("/", "per") and before[0] in BY_SYMBOL)
