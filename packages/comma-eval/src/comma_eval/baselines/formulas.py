"""Chemical formulas read from a text, and the composition of a sample: chemistry bookkeeping, no learning."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from comma_data.formulas import ATOMIC_NUMBERS, classify
from comma_data.sample import Sample

Amounts = Mapping[str, float]
"""Element symbol -> amount."""

SYMBOLS = tuple(ATOMIC_NUMBERS)
"""By atomic number, from 1."""

VOLATILE = frozenset({"C", "H", "N", "O", "S", "F", "Cl"})
"""Left out of element sets: they come and go with carbonates, nitrates, hydrates, solvents and gases."""

NOBLE_GASES = frozenset({"He", "Ne", "Ar"})
"""Atmospheres, which no crystal here contains."""

OPENINGS = frozenset({"As", "At", "Be", "He", "I", "In", "No"})
"""At the start of a step these are English words, not elements."""

ABBREVIATIONS = frozenset({"CIP", "HIP", "PVB", "PVC", "PVP", "SPS", "UV"})
"""Binders and methods that would read as formulas."""

_FORMULA = re.compile(r"(?:(?P<moles>\d+(?:\.\d+)?)\s+(?:mol\s+(?:of\s+)?)?)?(?P<formula>[A-Z(\[][A-Za-z0-9.()\[\]]*)")


def formulas(steps: Sequence[str]) -> Iterator[tuple[float | None, Amounts]]:
    """Every formula in the text with the moles that stand before it, None where none do."""
    for step in steps:
        for match in _FORMULA.finditer(step):
            word = match["formula"].rstrip(".")
            if word in ABBREVIATIONS or (match.start() == 0 and word in OPENINGS):
                continue
            if amounts := classify(word).amounts:
                yield (float(match["moles"]) if match["moles"] else None, amounts)


def solids(amounts: Amounts) -> Amounts:
    """The elements that a solid-state reaction keeps."""
    return {e: amount for e, amount in amounts.items() if e not in VOLATILE and e not in NOBLE_GASES}


def mixture(steps: Sequence[str]) -> Amounts | None:
    """Elements of the mixture that the text weighs out; None where it gives no moles."""
    return _sum((moles, amounts) for moles, amounts in formulas(steps) if moles is not None) or None


def named(steps: Sequence[str]) -> Amounts:
    """Elements of the mixture, or where the text gives no moles of one formula unit of each material."""
    return mixture(steps) or _sum((1.0, amounts) for _, amounts in formulas(steps))


def elements(steps: Sequence[str]) -> frozenset[str]:
    """Kept elements of all formulas in the text."""
    return frozenset(e for _, amounts in formulas(steps) for e in solids(amounts))


def composition(sample: Sample) -> Amounts:
    """Elements and amounts of a sample, from its composition or else by counting the atoms of its structure."""
    if "composition" in sample.fields:
        return sample.fields["composition"][0]
    counts = Counter(SYMBOLS[z - 1] for z in sample.fields["structure"][0]["numbers"])
    return {element: float(count) for element, count in counts.items()}


def ratios(amounts: Amounts) -> Amounts:
    """Amounts of the kept elements as fractions of their sum."""
    kept = solids(amounts)
    total = sum(kept.values())
    return {e: amount / total for e, amount in kept.items()} if total else {}


def _sum(parts: Iterable[tuple[float, Amounts]]) -> Amounts:
    """Amounts times moles, added up; what comes to nothing is left out."""
    total: defaultdict[str, float] = defaultdict(float)
    for moles, amounts in parts:
        for element, amount in amounts.items():
            total[element] += moles * amount
    return {element: amount for element, amount in total.items() if amount > 0}
