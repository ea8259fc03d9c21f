"""What is asked and what is searched: bare samples, and the groups that the scorer does not get to see."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from comma_data.protocol import Protocol, steps
from comma_data.sample import Sample
from jaxtyping import Bool

Steps = tuple[str, ...]

Rank = tuple[bool, str]
"""(tells no operations, hash of the record): the smallest stands for its formula."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """The queries, or the gallery, of one retrieval question."""

    samples: tuple[Sample, ...]
    """One value of one modality each; no id, group or annotation that tells what it is."""
    groups: tuple[str, ...]
    """What each belongs to, by default its formula: an item of the same group is relevant."""
    names: tuple[str, ...]
    """Which value of the data set each is, the same whatever else is asked: what paired tests join by."""


@dataclass(frozen=True, kw_only=True)
class Pools:
    """Structures and protocols of the same formulas."""

    structures: Side
    """Every structure."""
    protocols: Side
    """Every distinct protocol of each formula."""
    gallery: Side
    """One protocol a formula, chosen by a fixed hash among those that tell operations, or else among all."""
    stands: Bool[np.ndarray, " structures"]
    """Whether the structure is the one that stands for its formula, chosen by a fixed hash."""
    operated: Bool[np.ndarray, " protocols"]
    """Whether the protocol tells operations."""
    gallery_operated: Bool[np.ndarray, " formulas"]


def bare(modality: str, values: Iterable[tuple[str, str, Any]]) -> Side:
    """Samples that hold nothing but the value, from (group, name, value)."""
    triples = list(values)
    samples = (
        Sample(id=f"{modality}-{number}", fields={modality: (value,)}, groups={})
        for number, (_, _, value) in enumerate(triples)
    )
    return Side(
        samples=tuple(samples),
        groups=tuple(group for group, _, _ in triples),
        names=tuple(name for _, name, _ in triples),
    )


def value_names(sample: Sample, modality: str) -> list[str]:
    """A name for each value that the sample has of a modality: its id, and a number where there are several."""
    count = len(sample.fields.get(modality, ()))
    return [sample.id] if count == 1 else [f"{sample.id}#{number}" for number in range(1, count + 1)]


def pools(samples: Sequence[Sample]) -> Pools:
    """Pool the structures and protocols of every formula that has both.

    Formulas and protocols come in sorted order, so that the same samples in another order give the same pools.
    """
    known_of = protocols(samples, lambda sample: sample.groups["formula"])
    structures = _structures(samples, known_of.keys())
    met = {formula for formula, _, _ in structures}
    kept = {formula: known_of[formula] for formula in sorted(known_of) if formula in met}
    all_ = [(formula, known[told], told) for formula, known in kept.items() for told in sorted(known)]
    one = [(formula, min(known.values()), chosen(known)) for formula, known in kept.items()]
    standing: dict[str, str] = {}
    for formula, name, _ in structures:
        standing[formula] = min(_hash(formula, name), standing.get(formula, "~"))
    return Pools(
        structures=bare("structure", structures),
        protocols=bare("text", ((formula, rank[1][:16], told) for formula, rank, told in all_)),
        gallery=bare("text", ((formula, rank[1][:16], told) for formula, rank, told in one)),
        stands=np.array([_hash(formula, name) == standing[formula] for formula, name, _ in structures], dtype=bool),
        operated=np.array([not rank[0] for _, rank, _ in all_], dtype=bool),
        gallery_operated=np.array([not rank[0] for _, rank, _ in one], dtype=bool),
    )


def chosen(known: Mapping[Steps, Rank]) -> Steps:
    """The protocol that stands for its formula: one that tells operations, if there is one, with the smallest hash."""
    return min(known, key=lambda told: known[told])


def _structures(samples: Sequence[Sample], formulas: Iterable[str]) -> list[tuple[str, str, Any]]:
    """(formula, name, structure) of these formulas, sorted."""
    wanted = frozenset(formulas)
    found = (
        (sample.groups["formula"], name, value)
        for sample in samples
        for name, value in zip(value_names(sample, "structure"), sample.fields.get("structure", ()), strict=True)
    )
    return sorted((item for item in found if item[0] in wanted), key=lambda item: item[:2])


def protocols(samples: Sequence[Sample], group_of: Callable[[Sample], str]) -> dict[str, dict[Steps, Rank]]:
    """Group, as a rule the formula -> each distinct text -> rank of the record it was rendered from.

    Hashes are of records, not texts, so that every view has the same protocols in the gallery; where several records
    give one text the smallest counts.
    """
    known: dict[str, dict[Steps, Rank]] = {}
    for sample in samples:
        group = group_of(sample)
        texts = sample.fields.get("text", ())
        records = sample.annotations.get("text", (None,) * len(texts))
        for told, record in zip(texts, records, strict=True):
            if told:
                rank = (not tells_operations(record), _hash(group, repr(record or told)))
                of_group = known.setdefault(group, {})
                of_group[told] = min(rank, of_group.get(told, rank))
    return known


def tells_operations(record: Any) -> bool:
    """Whether a protocol says what was done, not only with what; a text as it was written is taken to say it."""
    return bool(steps(record, "operations")) if isinstance(record, Protocol) else True


def _hash(formula: str, what: str) -> str:
    return sha256(f"{formula}|{what}".encode()).hexdigest()
