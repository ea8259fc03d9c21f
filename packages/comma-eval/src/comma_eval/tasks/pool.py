"""What is asked and what is searched: bare samples, and the groups that the scorer does not get to see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from comma_data.sample import Sample

Steps = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Side:
    """The queries, or the gallery, of one retrieval question."""

    samples: tuple[Sample, ...]
    """One value of one modality each; no id, group or annotation that tells what it is."""
    groups: tuple[str, ...]
    """Formula of each: an item of the same formula is relevant."""


@dataclass(frozen=True, kw_only=True)
class Pools:
    """Structures and protocols of the same formulas."""

    structures: Side
    """Every structure."""
    protocols: Side
    """Every distinct protocol of each formula."""
    gallery: Side
    """One protocol a formula, chosen by a fixed hash."""


def bare(modality: str, values: Iterable[tuple[str, Any]]) -> Side:
    """Samples that hold nothing but the value, from (formula, value) pairs."""
    pairs = list(values)
    samples = (
        Sample(id=f"{modality}-{number}", fields={modality: (value,)}, groups={})
        for number, (_, value) in enumerate(pairs)
    )
    return Side(samples=tuple(samples), groups=tuple(formula for formula, _ in pairs))


def pools(samples: Sequence[Sample]) -> Pools:
    """Pool the structures and protocols of every formula that has both.

    Formulas and protocols come in sorted order, so that the same samples in another order give the same pools.
    """
    protocols = _protocols(samples)
    structures = sorted(
        ((s.groups["formula"], s.id, value) for s in samples for value in s.fields.get("structure", ())),
        key=lambda item: item[:2],
    )
    shared = {formula for formula, _, _ in structures} & protocols.keys()
    kept = {formula: protocols[formula] for formula in sorted(shared)}
    return Pools(
        structures=bare("structure", ((formula, value) for formula, _, value in structures if formula in shared)),
        protocols=bare("text", ((formula, steps) for formula, all_ in kept.items() for steps in sorted(all_))),
        gallery=bare("text", ((formula, chosen(known)) for formula, known in kept.items())),
    )


def chosen(known: Mapping[Steps, str]) -> Steps:
    """The protocol that stands for its formula: the one with the smallest hash."""
    return min(known, key=lambda steps: known[steps])


def _protocols(samples: Sequence[Sample]) -> dict[str, dict[Steps, str]]:
    """Formula -> each distinct text -> hash of the record it was rendered from.

    Hashes are of records, not texts, so that every view has the same protocols in the gallery; where several records
    give one text the smallest counts.
    """
    known: dict[str, dict[Steps, str]] = {}
    for sample in samples:
        formula = sample.groups["formula"]
        texts = sample.fields.get("text", ())
        for steps, record in zip(texts, sample.annotations.get("text", texts), strict=True):
            if steps:
                digest = sha256(f"{formula}|{record!r}".encode()).hexdigest()
                of_formula = known.setdefault(formula, {})
                of_formula[steps] = min(digest, of_formula.get(steps, digest))
    return known
