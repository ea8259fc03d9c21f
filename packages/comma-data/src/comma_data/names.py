"""Names of materials in a protocol: which of them give the target away, which of them name a compound at all."""

import re
from collections.abc import Mapping
from functools import lru_cache

from comma_data.formulas import classify, reduced

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
    "acid|agate|agate mortar|air|flowing air|static air|forming gas|alcohol|ambient|atmosphere|ball mill|base|buffer"
    "|ceramic|glass|inert|mortar|nylon|oil|plastic|polyethylene|resin|solvent|steel|stainless steel|teflon|vacuum"
    "".split("|")
)
"""Media, atmospheres and devices that name no particular compound or element (lower case)."""

_WORDS = re.compile(r"[\s,;:/()\[\]–—-]+")


@lru_cache(maxsize=65536)
def canonical(name: str) -> str:
    """One spelling per material: the reduced formula where the name is one, else the name in lower case."""
    name = FORMULAS.get(name.casefold(), name)
    formula = classify(name)
    return reduced(formula.amounts) if formula.amounts else name.strip().casefold()


@lru_cache(maxsize=65536)
def names_target(name: str, target: str) -> bool:
    """Whether a name, or a word of it, is the target in any spelling."""
    goal = canonical(target)
    return any(canonical(word) == goal for word in (name, *_WORDS.split(name)) if word)
