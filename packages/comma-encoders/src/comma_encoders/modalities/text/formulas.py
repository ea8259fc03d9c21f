"""Chemical formulas in running text: which words are formulas, and the elements with their amounts."""

import re
from collections.abc import Iterator
from functools import lru_cache

from comma_encoders.hydrates import WATER

ELEMENTS = tuple(
    """H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb
    Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg
    Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts
    Og""".split()
)
_KNOWN = frozenset(ELEMENTS)

WORDS = frozenset({"PVP", "PVB", "PVC", "PCN", "CNF", "HIPS", "UV", "CVD", "PC", "PS", "SC", "SBF", "CNC", "HPC"})
"""Usual abbreviations that spell a row of element symbols."""
AMBIGUOUS = frozenset({"In", "As", "At", "I", "No", "He", "Be", "Am", "Os", "Es", "Can"})
"""At the start of a step these are English words, elsewhere elements."""

OTHER, ELEMENT, OPEN, CLOSE, NUMBER, VARIABLE = range(6)
_PIECE = re.compile(r"([A-Z][a-z]?)|([([{])|([)\]}])|(\d+(?:\.\d+)?|\.\d+)|([-+±][xyzδ]|[xyzδ])")
_CHARACTERS = re.compile(r"[A-Z(\[{][A-Za-z0-9.()\[\]{}+±δ-]*")

_DOTS = re.compile(r"[·•∙⋅*]")

LONGEST = 200
"""Characters; a longer word is no formula."""

Part = tuple[str, float | None]
"""Element symbol and amount; None where the amount is a variable."""


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """(kind, text) of each piece; `OTHER` where a character belongs to no formula."""
    end = 0
    for match in _PIECE.finditer(text):
        if match.start() != end:
            yield OTHER, text[end : match.start()]
        end = match.end()
        yield match.lastindex or OTHER, match.group()
    if end != len(text):
        yield OTHER, text[end:]


def _scaled(parts: list[Part], start: int, factor: float | None) -> None:
    """Multiply the amounts from `start` on."""
    parts[start:] = [(e, None if a is None or factor is None else a * factor) for e, a in parts[start:]]


def _unit(text: str) -> list[Part] | None:
    """Elements of one formula unit without adducts, in order; None if it is none."""
    groups: list[list[Part]] = [[]]
    start = -1  # where in the open group that begins which an amount would multiply; -1 where nothing does
    counted = False
    for kind, piece in _pieces(text):
        if kind == ELEMENT and piece in _KNOWN:
            start, counted = len(groups[-1]), False
            groups[-1].append((piece, 1.0))
        elif kind == OPEN:
            groups.append([])
            start = -1
        elif kind == CLOSE and len(groups) > 1:
            inner = groups.pop()
            start, counted = len(groups[-1]), False
            groups[-1] += inner
        elif kind in (NUMBER, VARIABLE) and start >= 0:
            if kind == NUMBER and counted:
                return None
            _scaled(groups[-1], start, float(piece) if kind == NUMBER else None)
            counted = True
        else:
            return None
    return groups[0] if len(groups) == 1 else None


def _adduct(text: str) -> list[Part] | None:
    """One part between centred dots: an amount, then a formula unit."""
    match = re.match(r"(\d*\.?\d*|[xn])(?=[A-Z(\[])", text)
    if match is None:
        return None
    parts = _unit(text[match.end() :])
    count = match.group()
    if parts is not None:
        _scaled(parts, 0, None if count in ("x", "n") else float(count or 1))
    return parts


def parse(word: str) -> tuple[Part, ...] | None:
    """Elements and amounts of a formula, groups multiplied out, in the order they are written; None for other words.

    `Fe(NO3)3·9H2O` gives Fe 1, N 3, O 9, H 18, O 9, and so does `Fe(NO3)3.9H2O`; in `Li1-xCoO2` the amount of Li is
    None.
    """
    return _parse(word) if len(word) <= LONGEST else None


@lru_cache(maxsize=65536)
def _parse(word: str) -> tuple[Part, ...] | None:
    if word in WORDS or not _CHARACTERS.match(word.replace("·", "")):
        return None
    if word.isupper() and word.isalpha() and len(word) > 2 and len(set(word)) < len(word):
        return None  # abbreviations repeat letters, formulas count them
    centred = word if _DOTS.search(word) else WATER.sub("·", word, count=1)
    adducts = [_adduct(part) for part in _DOTS.split(centred)]
    if any(part is None for part in adducts):
        return None
    parts = tuple(p for part in adducts for p in part or ())
    return parts or None
