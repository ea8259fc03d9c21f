"""Sets of precursors: what counts as one, when two are equal, and what of a recipe serves for another material.

The terms follow He et al. 2023 (doi:10.1126/sciadv.adg8180) and Kim et al. 2024 (doi:10.1039/d3sc03538g): a target's
source elements have to come from precursors, the others come and go with air, solvents and salts; a recommended set is
right when it is a reported one.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from comma_data.formulas import classify, reduced
from comma_data.protocol import Protocol

from comma_eval.baselines.formulas import NOBLE_GASES, VOLATILE, Amounts
from comma_eval.chemistry import amounts_of

PrecursorSet = frozenset[str]
"""Reduced formulas, without water."""

FREE = frozenset({"H", "C", "N", "O"}) | NOBLE_GASES
"""Elements that need no precursor: they come and go with air, water, carbonates, nitrates and organic salts."""

_OPEN_WATER = re.compile(r"\s*[·⋅•∙･*.]\s*(?:[nxyz]|\([nxyz]\))?\s*\(?H2O\)?(?:[nxyz])?$|\(H2O\)\d*(?:\.\d+)?$")

_DOTS = re.compile(r"[·⋅•∙･]+")


def sources(amounts: Amounts) -> frozenset[str]:
    """The elements of a target that its precursors have to bring: all but H, C, N, O, He, Ne and Ar."""
    return frozenset(amounts) - FREE


@lru_cache(maxsize=1 << 16)
def normal(name: str) -> str | None:
    """A precursor as its reduced formula without water of crystallisation; None where it is no plain formula.

    `Ni(NO3)2·6H2O`, `Ni(NO3)2·xH2O` and `NiN2O6` are one precursor; `H3BO3` and `B2O3` are two.
    """
    name = _DOTS.sub("·", name.strip())
    found = classify(_OPEN_WATER.sub("", name) or name)
    left = {"H": 2 * found.water, "O": found.water}
    amounts = {element: n - left.get(element, 0.0) for element, n in found.amounts.items()}
    dry = {element: n for element, n in amounts.items() if n > 1e-6}
    return reduced(dry) if dry else None


def precursor_set(protocol: Protocol, target: Amounts) -> PrecursorSet | None:
    """The precursors of a recipe that bring a source element of the target.

    Fuels, solvents, chelating agents and fluxes that bring none are left out, and so is the target itself. None where
    the target has no source element, or what is left does not bring them all: then nobody knows the set.
    """
    wanted = sources(target)
    made = reduced(target) if target else None
    names = (normal(name) for name in protocol.precursors)
    found = frozenset(name for name in names if name and name != made and wanted & elements(name))
    return found if wanted and wanted <= frozenset().union(*map(elements, found)) else None


def elements(name: str) -> frozenset[str]:
    """Elements of a normalised precursor."""
    return frozenset(amounts_of(name))


def serves(name: str, target: frozenset[str]) -> bool:
    """Whether a precursor can stand in a recipe for a target with these source elements.

    It brings one of them, and nothing else that would stay: no further element beside C, H, N, O, S, F and Cl.
    """
    return bool(elements(name) & target) and elements(name) - target <= VOLATILE


def transferred(known: PrecursorSet, target: frozenset[str], usual: Mapping[str, Iterable[str]]) -> PrecursorSet | None:
    """A recipe's precursors as a set for another target, element by element.

    Each source element of the target is brought by the precursors that bring it in the recipe; one that the recipe does
    not know, by the precursor that is used most for it. None where the recipe knows no element of the target, or nobody
    knows one.

    Args:
        known: the recipe's set.
        target: source elements of the target.
        usual: element -> its precursors, those used most first.
    """
    own = frozenset(name for name in known if serves(name, target))
    if not own:
        return None
    found = set(own)
    for element in sorted(target - frozenset().union(*map(elements, own))):
        fitting = next((name for name in usual.get(element, ()) if serves(name, target)), None)
        if fitting is None:
            return None
        found.add(fitting)
    return frozenset(found)
