"""Names of materials in a protocol: which of them give the target away, which of them name a compound at all."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from comma_data.compound_names import ELEMENT_WORDS, named_elements, names_anion
from comma_data.formulas import classify, composition, reduced

FORMULAS: Mapping[str, str] = {
    "alumina": "Al2O3",
    "ammonia": "H3N",
    "argon": "Ar",
    "carbon": "C",
    "carbon dioxide": "CO2",
    "carbon monoxide": "CO",
    "ceria": "CeO2",
    "corundum": "Al2O3",
    "diamond": "C",
    "graphite": "C",
    "hematite": "Fe2O3",
    "hydrogen": "H2",
    "magnesia": "MgO",
    "magnetite": "Fe3O4",
    "nitrogen": "N2",
    "oxygen": "O2",
    "quartz": "SiO2",
    "silica": "SiO2",
    "titania": "TiO2",
    "water": "H2O",
    "yttria": "Y2O3",
    "zirconia": "ZrO2",
}
"""Trivial names that occur as media, atmospheres, devices and precursors -> formula."""

GASES = frozenset(
    "air|flowing air|static air|ambient|inert|vacuum|forming gas|argon|ar|nitrogen|n2|oxygen|o2|hydrogen|h2|helium|he"
    "|ammonia|nh3|carbon monoxide|co|carbon dioxide|co2".split("|")
)
"""Atmospheres that say how a furnace was run and nothing about what was in it (lower case)."""

GENERIC = frozenset(
    "acid|agate|agate mortar|air|flowing air|static air|forming gas|alcohol|ambient|atmosphere|autoclave|ball mill|base"
    "|bath|buffer|ceramic|crucible|furnace|glass|hot plate|inert|mortar|nylon|oil|oil bath|oven|pestle|plastic"
    "|polyethylene|reaction vessel|resin|solvent|steel|stainless steel|teflon|vacuum|vessel|water bath"
    "".split("|")
)
"""Media, atmospheres and devices that name no particular compound or element (lower case)."""

_WORDS = re.compile(r"[\s,;:/()\[\]–—-]+")
_NUMERALS = frozenset("i ii iii iv v vi vii viii".split())


@lru_cache(maxsize=65536)
def canonical(name: str) -> str:
    """One spelling per material: the reduced formula where the name is one, else the name in lower case."""
    lower = name.casefold()
    formula = classify(FORMULAS.get(lower) or ELEMENT_WORDS.get(lower) or name)
    return reduced(formula.amounts) if formula.amounts else name.strip().casefold()


@lru_cache(maxsize=65536)
def names_target(name: str, target: str) -> bool:
    """Whether a name, or a word of it, is the target in any spelling.

    A systematic name (`barium titanate`) is the target where it tells the same elements.
    """
    goal = canonical(target)
    words = [word for word in _WORDS.split(name) if word]
    told = systematic(words) if len(words) > 1 and names_anion(words[-1]) else frozenset()
    if told:
        return told == _elements(goal)
    return any(canonical(word) == goal for word in (name, *words))


def systematic(words: Sequence[str]) -> frozenset[str]:
    """Elements that a systematic name tells, numerals (`iron(III) oxide`) left out; empty where it is none."""
    bare = [part.casefold() for word in words for part in _WORDS.split(word) if part]
    return named_elements([part for part in bare if part not in _NUMERALS])


@lru_cache(maxsize=65536)
def _elements(target: str) -> frozenset[str]:
    formula = classify(target)
    return frozenset(composition(reduced(formula.amounts))) if formula.amounts else frozenset()
