"""What an annotation says of a synthesis: the target's formula, and the protocol, where it says enough for one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from comma_data.brat import Annotation
from comma_data.conditions import HOURS, OFFSETS, clean
from comma_data.formulas import classify, reduced
from comma_data.names import GASES, names_target
from comma_data.protocol import Operation, Protocol
from comma_data.temperatures import numbers

METHOD = "full-text"
"""`Protocol.method` of what is read here."""

_KINDS: Mapping[str, re.Pattern[str]] = {
    "quench": re.compile(r"quench|cool", re.IGNORECASE),
    "dry": re.compile(r"dry|dried|evaporat|lyophili", re.IGNORECASE),
    "heat": re.compile(
        r"heat|calcin|anneal|sinter|fired|firing|therm|autoclav|reflux|pyroly|carboni[sz]|melt|boil|incubat|roast",
        re.IGNORECASE,
    ),
    "mix": re.compile(
        r"mix|stir|mill|grind|ground|dissol|dispers|\badd|sonica|blend|homogeni|suspen|dilut|impregnat|drop",
        re.IGNORECASE,
    ),
    "shape": re.compile(r"press|pellet|\bcast|compact", re.IGNORECASE),
    "start": re.compile(
        r"^(were|used?|using|prepar|synthesi|obtain|purchas|suppl|provid|perform|carried|conduct|form|fabricat|produc"
        r"|made|design|denot|label|named|follow|determin|measur|detect|observ|describ|report|chosen|becam)",
        re.IGNORECASE,
    ),
}
"""Kind of an operation -> what its word looks like; the last kind says only that something is or was made."""

_PARTS = re.compile(r"[\s/@+:;,()\[\]-]+")
_COMPOSED = re.compile(r"[/@+:]")
_CELSIUS_UNITS = {**OFFSETS, "deg c": 0.0, "oc": 0.0}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an annotation says."""

    formula: str | None
    """Reduced formula, where all that is called a target is this one formula."""
    protocol: Protocol | None
    """None without a formula, a precursor or a step."""


def told(annotation: Annotation) -> Told:
    """Read the events `Operation` with their targets, precursors, solvents, atmospheres, apparatus and conditions.

    A mention that is composed (`CuO/CeO2`), variable (`BaxCr5Se8`) or another formula leaves the target open, for then
    it is not known which of the products the text is about. Of the conditions, temperatures and times are taken.

    Raises:
        ConditionError: Code `bad-text`, where a name has invisible characters or is too long.
    """
    formula = _target([annotation.spans[name].words for name in _players(annotation, "Recipe_Target")])
    if formula is None:
        return Told(formula=None, protocol=None)
    precursors = _names(annotation, _players(annotation, "Recipe_Precursor"))
    operations = tuple(_operations(annotation))
    enough = any(not names_target(p, formula) for p in precursors) and any(o.kind != "start" for o in operations)
    protocol = Protocol(target=formula, precursors=precursors, operations=operations, method=METHOD)
    return Told(formula=formula, protocol=protocol if enough else None)


def _target(mentions: Sequence[str]) -> str | None:
    formulas: set[str | None] = set()
    for mention in mentions:
        whole = classify(mention)
        if whole.amounts:
            formulas.add(reduced(whole.amounts))
        elif whole.kind in {"variable", "composite"} or _COMPOSED.search(mention):
            return None
        else:
            parts = [classify(part) for part in _PARTS.split(mention)]
            formulas.update(reduced(part.amounts) for part in parts if part.amounts)
    plain = any(classify(mention).amounts for mention in mentions)
    return formulas.pop() if plain and len(formulas) == 1 else None


def _players(annotation: Annotation, role: str) -> list[str]:
    """Ids of the spans that have a role in an event, in the order of the text."""
    found = {name for event in annotation.events.values() for r, name in event.roles if r == role}
    return sorted(found & annotation.spans.keys(), key=lambda name: (annotation.spans[name].start, name))


def _names(annotation: Annotation, spans: Sequence[str]) -> tuple[str, ...]:
    """The words of spans, each once; a name that the text also gives as a formula is told as that formula."""
    pairs = [
        pair
        for kind, first, second in annotation.relations
        if kind == "Coref_Of" and {first, second} <= annotation.spans.keys()
        for pair in ((first, second), (second, first))
    ]
    same = {name: other for name, other in pairs if _plain(annotation, other) and not _plain(annotation, name)}
    return tuple(dict.fromkeys(clean(annotation.spans[same.get(name, name)].words) for name in spans))


def _plain(annotation: Annotation, span: str) -> bool:
    return bool(classify(annotation.spans[span].words).amounts)


def _operations(annotation: Annotation) -> Iterator[Operation]:
    for name in sorted(annotation.events, key=lambda name: annotation.spans[annotation.events[name].trigger].start):
        event = annotation.events[name]
        word = clean(annotation.spans[event.trigger].words)
        conditions = _related(annotation, "Condition_Of", name)
        apparatus = _names(annotation, _related(annotation, "Apparatus_Of", name))
        gases = [clean(annotation.spans[c].words) for c in conditions]
        yield Operation(
            kind=next((kind for kind, looks in _KINDS.items() if looks.search(word)), "other"),
            word=word,
            temperatures=tuple(sorted(_values(annotation, conditions, _CELSIUS_UNITS, scaled=False))),
            hours=tuple(sorted(_values(annotation, conditions, HOURS, scaled=True))),
            atmospheres=(
                *_by_role(annotation, name, "Atmospheric_Material"),
                *(g for g in gases if g.lower() in GASES),
            ),
            media=_by_role(annotation, name, "Solvent_Material"),
            device=", ".join(apparatus) or None,
        )


def _by_role(annotation: Annotation, event: str, role: str) -> tuple[str, ...]:
    spans = [name for r, name in annotation.events[event].roles if r == role and name in annotation.spans]
    return _names(annotation, spans)


def _related(annotation: Annotation, kind: str, to: str) -> list[str]:
    """Ids of the spans that stand in a relation to a span or an event."""
    return [a for k, a, b in annotation.relations if k == kind and b == to and a in annotation.spans]


def _values(
    annotation: Annotation, conditions: Sequence[str], units: Mapping[str, float], *, scaled: bool
) -> set[float]:
    """Numbers of the conditions that have one of these units, in °C or hours; rates are none of them."""
    found: set[float] = set()
    for condition in conditions:
        factor = units.get(annotation.spans[condition].words.strip().lower())
        types = [annotation.spans[t].words.lower() for t in _related(annotation, "Type_Of", condition)]
        if factor is None or any("rate" in t for t in types):
            continue
        for number in _related(annotation, "Number_Of", condition):
            span = annotation.spans[number]
            for value in numbers(span.words, before=span.before):
                found.add(round(abs(value) * factor if scaled else value + factor, 4))  # no time is below zero
    return found
