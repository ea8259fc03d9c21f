"""A text as it was written, without what gives its target away, and without the names of any material."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from comma_data.compound_names import names_anion, names_cation, names_compound
from comma_data.formulas import LONGEST, classify
from comma_data.markup import unmarked
from comma_data.names import FORMULAS, GENERIC, canonical, names_target, systematic
from comma_data.temperatures import in_celsius

TARGET = "[target]"
"""Stands for the target in a text that was kept as it was written."""

_CHUNKS = re.compile(r"(\s+)")
_JOINTS = re.compile(r"([,;:/@+|=<>~≈–—−-]+|(?<=\))(?=\())")
_TARGET_JOINTS = re.compile(rf"({_JOINTS.pattern[1:-1]}|_|['’]s(?![A-Za-z]))")
"""Labels (`BaTiO3_600C`) too, which are cut at the target alone: elsewhere they make names of compounds by chance."""
_BRACKETS = "()[]{}"
_EDGES = ".,;:!?'\"“”‘’*†‡"
_LABEL = re.compile(r"(?<=[\dA-Za-z)\]])(?:N[PCWRSTF]|QD)s?$")
_COEFFICIENT = re.compile(r"^\d+(?:\.\d+)?(?=[A-Z(\[])")
_UNITS = frozenset("K V W N C H F Pa kPa MPa Hz J T A".split())
"""Behind a number these are units, elsewhere elements."""
_ENGLISH = frozenset("In As At No I He Be Am".split())
"""At the start of a sentence these are English, elsewhere elements."""
_NUMBER = re.compile(r"[\d.,–-]*\d$")
_WIDEST = 6
"""Pieces that a name or a spaced formula may have."""

Chunks = list[str]
"""Pieces of a step; the odd ones are the white space between them."""


def without_target(step: str, formula: str | None) -> str:
    """The step in °C, with `[target]` for every word that is the formula or names its compound.

    Found are other orders, amounts and brackets (`Ti2Ba2O6`), subscripts in Unicode or `markup`, coefficients, formulas
    with spaces in them, formulas behind or before a joint (`BaTiO3-based`, `C@BaTiO3`, `BaTiO3's`) or a label
    (`TiO2NPs`), trivial names, and systematic names that tell the same elements.

    Args:
        step: As it was written.
        formula: Reduced formula of the target; None where it is not known, and nothing is replaced.
    """
    step = in_celsius(step)
    return step if formula is None else "".join(_told(_CHUNKS.split(step), formula))


def without_materials(step: str, formula: str | None, placeholder: str) -> str:
    """As `without_target`, and the placeholder for every word that reads as a compound, a formula or an element.

    Placeholders that follow each other become one, so that the length of a name is not told. Names of no particular
    compound (air, acid, steel) stay.
    """
    chunks = _CHUNKS.split(without_target(step, formula))
    for i in range(0, len(chunks), 2):
        before = chunks[i - 2] if i else None
        acid = chunks[i].endswith("ic") and chunks[i + 2 : i + 3] != [] and chunks[i + 2].startswith("acid")
        chunks[i] = placeholder if acid else _masked(chunks[i], before, placeholder)
    mark = re.escape(placeholder)
    return re.sub(rf"{mark}(?:[\s/+·-]*{mark})+", placeholder, "".join(chunks))


def _told(chunks: Chunks, formula: str) -> Iterator[str]:
    """The chunks; of a name of several words the longest counts, so that `iron` in `iron oxide` is no element."""
    at = 0
    while at < len(chunks):
        width = _width(chunks[at : at + 2 * _WIDEST - 1], formula) if at % 2 == 0 else 1
        words = chunks[at : at + width : 2]
        if width == 1:
            yield _hidden(words[0], formula)
        elif names_target(_joined(words).strip(_BRACKETS), formula) or names_target(_joined(words), formula):
            yield TARGET + words[-1][len(words[-1].rstrip(_EDGES)) :]
        else:
            yield "".join(chunks[at : at + width])
        at += width


def _width(chunks: Chunks, formula: str) -> int:
    """Chunks, white space included, of the longest name of several words that begins here; 1 where none does."""
    if not (chunks[0].lstrip(_BRACKETS)[:1].isupper() or names_cation(chunks[0])):
        return 1
    widths = range(len(chunks) - (len(chunks) + 1) % 2, 1, -2)
    return next((width for width in widths if _is_name(tuple(chunks[:width:2]), formula)), 1)


@lru_cache(maxsize=65536)
def _is_name(words: tuple[str, ...], formula: str) -> bool:
    """Whether several words are one name: a systematic one, or the target's formula with spaces in it."""
    if not all(words) or any(word[-1] in _EDGES for word in words[:-1]):
        return False
    last = words[-1].strip(_EDGES)
    if names_anion(last) and systematic([*words[:-1], last]):
        return True
    if any(word[0].isalpha() and not word[0].isupper() for word in words):
        return False
    joined = _joined(words)
    return any(canonical(text) == canonical(formula) for text in (joined, joined.strip(_BRACKETS)))


def _joined(words: Sequence[str]) -> str:
    """The words as one name; the parts of a formula without spaces between them."""
    bare = [unmarked(word) for word in (*words[:-1], words[-1].strip(_EDGES))]
    return (" " if names_anion(bare[-1]) else "").join(bare)


@lru_cache(maxsize=65536)
def _hidden(chunk: str, formula: str) -> str:
    """A chunk of text with `[target]` for each part that is the target, or for all of it where no part can be told."""
    plain = unmarked(chunk)
    if plain != chunk and TARGET in (told := _hidden(plain, formula)):
        return told
    parts = _TARGET_JOINTS.split(chunk)
    told = "".join(_exchanged(part, TARGET) if _is_target(_core(part), formula) else part for part in parts)
    return TARGET if names_target(unicodedata.normalize("NFKC", told), formula) else told


def _is_target(word: str, formula: str) -> bool:
    if not word:
        return False
    plain = unicodedata.normalize("NFKC", word)
    spellings = (plain, _COEFFICIENT.sub("", plain), _LABEL.sub("", plain), plain.strip("()[]{}"))
    return any(spelling and canonical(spelling) == canonical(formula) for spelling in spellings)


def _masked(chunk: str, before: str | None, placeholder: str) -> str:
    """A chunk of text with the placeholder for each part that names a material."""
    core = _core(chunk)
    unit = before is not None and _NUMBER.search(before) and core.split("/")[0] in _UNITS
    if unit or TARGET in chunk or placeholder in chunk:
        return chunk
    plain = unmarked(chunk)
    if plain != chunk and placeholder in (told := _masked(plain, before, placeholder)):
        return told
    first = before is None or before.endswith((".", ":"))
    parts = [chunk] if _material(core, first=first) else _JOINTS.split(chunk)
    return "".join(_exchanged(part, placeholder) if _material(_core(part), first=first) else part for part in parts)


@lru_cache(maxsize=65536)
def _material(word: str, *, first: bool) -> bool:
    """Whether a word names a material; at the start of a step `In`, `As`, `No` and their like are English."""
    if not word or word.casefold() in GENERIC or (first and word in _ENGLISH):
        return False
    plain = unicodedata.normalize("NFKC", word).strip("[]{}")
    capitals = sum(c.isupper() for c in plain)
    if capitals and any(_reads_as_formula(text, capitals) for text in (plain, _COEFFICIENT.sub("", plain))):
        return True
    return word.casefold() in FORMULAS or names_compound(word)


def _reads_as_formula(text: str, capitals: int) -> bool:
    formula = classify(text)
    return bool(formula.amounts) or (formula.kind in {"variable", "composite"} and capitals > 1)


def _core(chunk: str) -> str:
    """A chunk without the punctuation around it; brackets stay where they are balanced. Empty for a hopeless one."""
    if len(chunk) > LONGEST:
        return ""
    core = chunk.strip(_EDGES)
    while core and core.count("(") != core.count(")"):
        shorter = core.removeprefix("(") if core.count("(") > core.count(")") else core.removesuffix(")")
        shorter = shorter.strip(_EDGES)
        if shorter == core:
            break
        core = shorter
    if core.startswith("(") and core.endswith(")") and not classify(core).amounts:
        core = core[1:-1].strip(_EDGES)
    return core


def _exchanged(chunk: str, by: str) -> str:
    core = _core(chunk)
    return chunk.replace(core, by, 1) if core else chunk
