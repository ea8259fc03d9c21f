"""Protocols that stand in the names of measured files."""

import re

from pymatgen.core import Composition

from comma_data.formulas import classify
from comma_data.protocol import Operation, Protocol

_REACTION = re.compile(r"(?P<materials>.+)_(?P<temperature>\d{1,4})C_(?P<time>\d{1,5})(?P<unit>min|h)")
_MIXTURE = re.compile(r"(?P<materials>.+?)(?:--\d{1,5}min)?")
_MOLES = re.compile(r"(?P<amount>\d{1,3}(?:\.\d{1,4})?)?(?P<formula>[A-Z(].*)")
_GRAMS = re.compile(r"(?P<formula>.+)_(?P<amount>\d{1,3}p\d{1,6})")

Amounts = tuple[tuple[str, float], ...]


def protocol_in(name: str) -> Protocol | None:
    """The protocol that the name of a file tells, None where it tells none.

    Two forms are read. `Cr2O3-2ZnO_1100C_60min`: precursors with their moles, heated at 1100 °C for 60 min.
    `NiO_0p2030-TiO2_0p7970--8min`: precursors with the grams weighed in, mixed and measured as they are; the time at
    the end is that of the scan and no condition of the synthesis. The target is empty.

    Args:
        name: Of the file, without its ending.
    """
    if len(name) > 200:
        return None
    if match := _REACTION.fullmatch(name):
        hours = int(match["time"]) / (60 if match["unit"] == "min" else 1)
        heat = Operation(kind="heat", word="heated", temperatures=(float(match["temperature"]),), hours=(hours,))
        return _protocol(_moles(match["materials"]), heat)
    match = _MIXTURE.fullmatch(name)
    return _protocol(_weighed(match["materials"]), Operation(kind="mix", word="mixed")) if match else None


def specimen(name: str) -> str:
    """What was measured: the name without the time of the scan, so that two scans of one mixture are told together."""
    match = _MIXTURE.fullmatch(name)
    return match["materials"] if match and _weighed(match["materials"]) else name


def _protocol(amounts: Amounts | None, operation: Operation) -> Protocol | None:
    if not amounts:
        return None
    precursors = tuple(dict.fromkeys(material for material, _ in amounts))
    return Protocol(target="", precursors=precursors, operations=(operation,), amounts=amounts, weighed=True)


def _moles(text: str) -> Amounts | None:
    found = [_MOLES.fullmatch(part) for part in text.split("-")]
    pairs = [(match["formula"], float(match["amount"] or 1)) for match in found if match]
    readable = len(pairs) == len(found) and all(classify(formula).amounts and moles for formula, moles in pairs)
    return tuple(pairs) if readable else None


def _weighed(text: str) -> Amounts | None:
    """(material, moles) of materials with grams."""
    found = [_GRAMS.fullmatch(part) for part in text.split("-")]
    pairs = [(match["formula"], float(match["amount"].replace("p", "."))) for match in found if match]
    if len(pairs) < len(found) or not all(classify(formula).amounts and grams for formula, grams in pairs):
        return None
    return tuple((formula, round(grams / _molar_mass(formula), 8)) for formula, grams in pairs)


def _molar_mass(formula: str) -> float:
    """g/mol of the formula as it is written."""
    amounts = classify(formula).amounts
    return float(sum(Composition(element).weight * amount for element, amount in amounts.items()))
