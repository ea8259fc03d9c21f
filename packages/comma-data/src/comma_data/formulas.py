"""What a formula string means: elements with amounts, or the reason why it does not say."""

import re
import unicodedata
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import Literal

from pymatgen.core import Composition, Element

Kind = Literal["plain", "hydrate", "variable", "composite", "unparsable"]

ATOMIC_NUMBERS: Mapping[str, int] = {Element.from_Z(z).symbol: z for z in range(1, 119)}
"""Element symbol -> atomic number, 1 to 118; the isotopes D and T are no elements here."""

LONGEST = 200
"""Characters; a longer string is not read as a formula."""

_DOTS = "·⋅•∙･*."
_WATER = re.compile(rf"^(?P<base>.+?)\s*[{_DOTS}]\s*(?P<n>\d+(?:\.\d+)?)?\s*\(?H2O\)?(?P<tail>\w*)$")
_OPEN_WATER = re.compile(rf"^(?P<base>.+?)\s*[{_DOTS}]\s*[nxyz]\s*\(?H2O\)?$")
_PHASE = re.compile(r"^[α-ωΑ-Ω]['′]?-(?=[A-Z(\[])")
_TOKEN = re.compile(
    r"(?P<n>\d+(?:\.\d+)?(?:/\d+(?:\.\d+)?)?|\.\d+)|(?P<s>[A-Z][a-z]?)|(?P<o>[(\[{])|(?P<c>[)\]}])", re.ASCII
)
_GRAMMAR = re.compile(r"(?:sn?|o(?!c)|cn?)+")
_VARIABLES = frozenset("xyzuvwnmtadδεσ")
_ELEMENT_VARIABLES = frozenset({"M", "R", "A", "X", "T", "Q", "Ln", "RE", "Re", "Me"})
_OXIDATION = re.compile(r"\((?:I{1,3}|IV|V|VI{1,3})\)")
_SEPARATORS = re.compile(r"[/:+·⋅•∙･*@,;|–—−&-]")


@dataclass(frozen=True, kw_only=True)
class Formula:
    """A formula string, read."""

    kind: Kind
    """`plain`: elements with fixed amounts. `hydrate`: that, and water. `variable`: an amount or an element is left
    open (x, δ, M). `composite`: several parts, a coating or a dopant behind a colon. `unparsable`: anything else."""
    amounts: Mapping[str, float] = field(default_factory=dict)
    """Element -> amount, water included; empty unless the kind is `plain` or `hydrate`."""
    water: float = 0.0
    """Molecules of water in a hydrate."""


@lru_cache(maxsize=65536)
def classify(text: str) -> Formula:
    """Read a formula; never guesses and never raises.

    `CuSO4.5H2O` and `CuSO4·5H2O` are both the pentahydrate. A phase label (`α-`) is left out. `Cu(II)` is an oxidation
    state and no iodide.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > LONGEST or _OXIDATION.search(text):
        return Formula(kind="unparsable")
    text = _PHASE.sub("", text)
    return _hydrate(text) or _without_water(text)


def reduced(amounts: Mapping[str, float]) -> str:
    """Reduced formula in pymatgen's order, e.g. `Sr2Ti2O6` -> `SrTiO3`.

    Fractional amounts are scaled to whole numbers, so that `La0.8Sr0.2CoO3` and `La4SrCo5O15` are one formula.

    Args:
        amounts: Element -> amount; elements without a positive amount are left out.

    Raises:
        ValueError: A key is no element symbol, or no amount is positive.
    """
    return _reduced(tuple(amounts.items()))


@lru_cache(maxsize=65536)
def _reduced(items: tuple[tuple[str, float], ...]) -> str:
    amounts = dict(items)
    unknown = amounts.keys() - ATOMIC_NUMBERS.keys()
    if unknown or not any(amount > 0 for amount in amounts.values()):
        raise ValueError(f"{amounts} is no composition: give element symbols with positive amounts")
    fractions = {element: _fraction(float(amount)) for element, amount in amounts.items() if amount > 0}
    scale = lcm(*(f.denominator for f in fractions.values()))
    whole = {element: int(f * scale) for element, f in fractions.items()}
    common = gcd(*whole.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen orders by electronegativity, and warns that He, Ne, Ar have none
        return Composition({element: whole[element] // common for element in sorted(whole)}).reduced_formula


@lru_cache(maxsize=65536)
def composition(formula: str) -> Mapping[str, float]:
    """Element -> amount of a reduced formula."""
    return {element.symbol: float(n) for element, n in Composition(formula).items()}


def _hydrate(text: str) -> Formula | None:
    """The formula as a hydrate, None where it names no water behind a dot."""
    if _OPEN_WATER.match(text):
        return Formula(kind="variable")
    match = _WATER.match(text)
    if match is None:
        return None
    base = _without_water(match["base"])
    if base.kind != "plain" or match["tail"]:
        return Formula(kind="variable" if match["tail"] else base.kind)
    water = float(match["n"] or 1)
    amounts = dict(base.amounts)
    for element, each in (("H", 2.0), ("O", 1.0)):
        amounts[element] = amounts.get(element, 0.0) + each * water
    return Formula(kind="hydrate", amounts=amounts, water=water)


def _without_water(text: str) -> Formula:
    amounts = _amounts(text)
    if amounts:
        return Formula(kind="plain", amounts=amounts)
    rest, symbols = _leftovers(text)
    if not symbols:
        return Formula(kind="unparsable")
    separated = _SEPARATORS.search(text) is not None
    unknown = set(rest) - _VARIABLES
    if rest and not unknown:
        return Formula(kind="variable")
    if unknown and unknown <= _ELEMENT_VARIABLES | _VARIABLES and any(c.isdigit() for c in text) and not separated:
        return Formula(kind="variable")
    return Formula(kind="composite" if separated and not unknown else "unparsable")


def _leftovers(text: str) -> tuple[list[str], list[str]]:
    """What is left of a formula without numbers, brackets and separators: (no elements, elements)."""
    rest: list[str] = []
    symbols: list[str] = []
    bare = _SEPARATORS.sub(" ", text)
    for token in re.findall(r"[A-Z][a-z]?|[^\s\d.,()\[\]{}A-Z]", bare):
        known = token if token in ATOMIC_NUMBERS else token[0] if token[0] in ATOMIC_NUMBERS else None
        if known is None:
            rest.append(token)
            continue
        symbols.append(known)
        rest.extend(token[len(known) :])
    return rest, symbols


def _amounts(text: str) -> dict[str, float]:
    """Element -> amount of a plain formula; empty where the string is none."""
    tokens = _tokens(text)
    if not _GRAMMAR.fullmatch("".join(kind for kind, _ in tokens)):
        return {}
    amounts: dict[str, float] = {}
    factors, count = [1.0], 1.0  # read from the right, a count is known before what it counts
    for kind, value in reversed(tokens):
        if kind == "n":
            count = _number(value)
            continue
        if kind == "c":
            factors.append(factors[-1] * count)
        elif kind == "o" and len(factors) > 1:
            factors.pop()
        elif kind == "s":
            amounts[value] = amounts.get(value, 0.0) + factors[-1] * count
        else:
            return {}
        count = 1.0
    return dict(reversed(amounts.items())) if len(factors) == 1 and all(amounts.values()) else {}


def _tokens(text: str) -> list[tuple[str, str]]:
    """(n, number), (s, symbol), (o, opening), (c, closing bracket); (?, rest) where the string is no formula."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return [("?", text[at:])]
        kind, value = str(match.lastgroup), match[0]
        if kind == "s" and value not in ATOMIC_NUMBERS:
            value = value[0]
        if kind == "s" and value not in ATOMIC_NUMBERS:
            return [("?", text[at:])]
        tokens.append((kind, value))
        at += len(value)
    return tokens


def _number(text: str) -> float:
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom) if bottom and float(bottom) else float(top)


def _fraction(amount: float) -> Fraction:
    """The amount as a fraction; three or more decimals that round a third, sixth, seventh or ninth stand for it."""
    if amount.is_integer():
        return Fraction(int(amount))
    if abs(amount * 100 - round(amount * 100)) > 1e-7:
        for denominator in (3, 6, 7, 9):
            numerator = round(amount * denominator)
            if numerator % denominator and abs(amount - numerator / denominator) < 5.1e-4:
                return Fraction(numerator, denominator)
    return Fraction(amount).limit_denominator(10000) or Fraction(1, 10000)
