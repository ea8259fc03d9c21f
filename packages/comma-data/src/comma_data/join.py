"""Which structures, protocols, images and patterns belong together, how that is known, and how ambiguous it is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from comma_data.formulas import composition
from comma_data.homes import apart, homes_of, id_of
from comma_data.pairs import Pairs
from comma_data.protocol import Protocol, steps
from comma_data.sample import Record, Sample
from comma_data.split import SALT, TOGETHER, UNKNOWN, placed

VIEW = "precursors"
"""How a stored protocol is told; `protocol.with_view` tells it in another view."""

EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Value:
    """A record in an entry."""

    record: Record
    joined_by: str
    """`entry`, `pairs`, `doi` or `formula`."""
    candidates: int = 1
    """Entries that the same value was joined to: 1 is sure."""


@dataclass(kw_only=True)
class Entry:
    """What will be one sample."""

    id: str
    structure: Record | None = None
    structure_by: str = "entry"
    """How it is known that the structure belongs here."""
    values: list[Value] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Samples in the order of their ids, and what was counted."""

    samples: tuple[Sample, ...]
    counts: Mapping[str, int]


def join(
    records: Iterable[Record], *, pairs: Pairs = (), merged: Mapping[str, str] = EMPTY, salt: str = SALT
) -> Joined:
    """Make one sample per structure, with everything that belongs to it, and one per key that meets none.

    A record of the key of a structure, or whose provenance names it as its `entry`, belongs to it; so does one that
    the user's pairs name. Case does not count in names, unless it makes another formula (`Co`, `CO`). One that shares
    the key by chance, as its formula is another, is called by key and formula. A
    protocol of the same DOI as a structure belongs to it if its formula does not say otherwise. Any other protocol with
    a formula belongs to every structure of that formula, which says nothing about which polymorph was made. Images and
    patterns are never joined by formula. A value with targets of its own (the class of an image) keeps its sample, and
    the structure that `entry` or pairs name is put beside it.

    Args:
        records: Curated records; a structure has a formula, ids are unique within a modality.
        pairs: What the user says belongs together.
        merged: `Curated.merged`: structures that go by the name of another.
        salt: Of the folds.

    Raises:
        DataError: As `pairs.by_pairs`.
    """
    records = sorted(apart(records), key=lambda record: (id_of(record), record.modality))
    entries = {id_of(r): Entry(id=id_of(r), structure=r) for r in records if r.modality == "structure"}
    homes = homes_of(records, pairs, merged)
    counts: Counter[str] = Counter()
    for record in records:
        if record.modality == "structure":
            continue
        ids, how = homes.of(record)
        counts[f"{record.modality} joined by {how}" if ids else f"{record.modality} alone"] += 1
        if ids and record.targets and id_of(record) not in homes.structures:
            _put_beside(entries, record, ids, how)
            continue
        for identifier in ids or [id_of(record)]:
            entry = entries.setdefault(identifier, Entry(id=identifier))
            entry.values.append(Value(record=record, joined_by=how if ids else "entry", candidates=max(1, len(ids))))
    counts.update(_ambiguity(entries.values()))
    told = {id(r): _told(r) for r in records if r.modality == "text"}
    samples = [_sample(entry, told, salt) for entry in entries.values()]
    return Joined(samples=tuple(sorted(samples, key=lambda sample: sample.id)), counts=dict(sorted(counts.items())))


def _put_beside(entries: dict[str, Entry], record: Record, ids: Sequence[str], how: str) -> None:
    """Keep a value in the sample of its own key, with the first structure that it belongs to."""
    entry = entries.setdefault(id_of(record), Entry(id=id_of(record)))
    entry.values.append(Value(record=record, joined_by="entry"))
    entry.structure, entry.structure_by = entries[ids[0]].structure, how


def _told(record: Record) -> tuple[str, ...]:
    return steps(record.value, VIEW) if isinstance(record.value, Protocol) else tuple(record.value)


def _sample(entry: Entry, told: Mapping[int, tuple[str, ...]], salt: str) -> Sample:
    records = [value.record for value in entry.values]
    formula = next((r.formula for r in [entry.structure, *records] if r is not None and r.formula), None)
    others = {name: value for r in records if id_of(r) == entry.id for name, value in r.groups.items()}
    material = entry.id if entry.structure is None else id_of(entry.structure)
    fields: dict[str, tuple[Any, ...]] = {}
    provenance: dict[str, tuple[Mapping[str, str], ...]] = {}
    annotations: dict[str, tuple[Any, ...]] = {}
    if entry.structure is not None:
        fields["structure"] = (entry.structure.value,)
        how = {} if id_of(entry.structure) == entry.id else {"joined_by": entry.structure_by}
        provenance["structure"] = ({**_known(entry.structure), **how},)
    if formula:
        fields["composition"] = (dict(composition(formula)),)
        provenance["composition"] = ({"origin": "formula"},)
    for modality, values in _by_modality(entry.values).items():
        fields[modality] = tuple(told.get(id(v.record), v.record.value) for v in values)
        provenance[modality] = tuple(_joined(v) for v in values)
        beside = tuple(_annotation(v.record) for v in values)
        if any(b is not None for b in beside):
            annotations[modality] = beside
    sample = Sample(
        id=entry.id,
        fields=fields,
        groups={"formula": formula or f"{UNKNOWN}{entry.id}", "material": material, **others},
        targets=_targets(entry),
        annotations=annotations,
        provenance=provenance,
    )
    return placed(sample, fold_group(sample), salt=salt)


def fold_group(sample: Sample) -> str:
    """The formula; where it is not known the image frame or specimen, else the DOI of a text, else the entry itself."""
    formula = sample.groups["formula"]
    if not formula.startswith(UNKNOWN):
        return formula
    dois = [value["doi"] for value in sample.provenance.get("text", ()) if value.get("doi")]
    together = [sample.groups[kind] for kind in TOGETHER if kind in sample.groups]
    return next(iter([*together, *dois]), formula)


def _by_modality(values: Iterable[Value]) -> dict[str, list[Value]]:
    """Values under their modality, each protocol of a DOI and paragraph once."""
    found: dict[str, dict[Any, Value]] = defaultdict(dict)
    for value in values:
        record = value.record
        identity: Any = record.key
        if record.modality == "text":
            known = record.provenance
            identity = (record.value, known.get("doi", record.key), known.get("paragraph", ""))
        found[record.modality].setdefault(identity, value)
    return {modality: list(distinct.values()) for modality, distinct in sorted(found.items())}


def _targets(entry: Entry) -> Mapping[str, float | str]:
    """Of the structure; of a value only where it stands in the entry of its own key."""
    own = [v.record for v in entry.values if id_of(v.record) == entry.id]
    structure = [entry.structure] if entry.structure is not None and id_of(entry.structure) == entry.id else []
    return {name: value for record in [*own, *structure] for name, value in record.targets.items()}


def _known(record: Record) -> dict[str, str]:
    return {"source": record.source, "key": record.key, **record.provenance}


def _joined(value: Value) -> dict[str, str]:
    certainty = {"candidates": str(value.candidates)} if value.candidates > 1 else {}
    return {**value.record.groups, **_known(value.record), "joined_by": value.joined_by, **certainty}


def _annotation(record: Record) -> Any:
    return record.value if isinstance(record.value, Protocol) else record.annotation


def _ambiguity(entries: Iterable[Entry]) -> dict[str, int]:
    """How many protocols met how many structures by formula, and how many meetings were not one to one."""
    texts: defaultdict[str | None, set[str]] = defaultdict(set)
    structures: Counter[str | None] = Counter()
    for entry in entries:
        if entry.structure is None:
            continue
        met = {v.record.key for v in entry.values if v.joined_by == "formula"}
        if met:
            texts[entry.structure.formula] |= met
            structures[entry.structure.formula] += 1
    return {
        "formulas joined": len(texts),
        "structures joined by formula": structures.total(),
        "formulas with polymorphs": sum(n > 1 for n in structures.values()),
        "most structures of a formula": max(structures.values(), default=0),
        "formulas with several texts": sum(len(keys) > 1 for keys in texts.values()),
        "most texts of a formula": max(map(len, texts.values()), default=0),
    }
