"""Which structure and which protocols belong together, how that is known, and how ambiguous it is."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from comma_data.curate import sample_id
from comma_data.formulas import composition
from comma_data.protocol import Protocol, steps
from comma_data.sample import Record, Sample
from comma_data.split import SALT, fold

VIEW = "precursors"
"""How a stored text is told; `protocol.with_view` tells it in another view."""

Text = tuple[Record, str]
"""A protocol's record, and what it was joined by."""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Samples in the order of their ids, and what was counted."""

    samples: tuple[Sample, ...]
    counts: Mapping[str, int]


def join(records: Iterable[Record], *, salt: str = SALT) -> Joined:
    """Make one sample per structure, with every protocol that belongs to it, and one per protocol that meets none.

    A protocol whose provenance names an `entry` belongs to the structure of that key; any other belongs to every
    structure of its reduced formula, which says nothing about which polymorph was made.

    Args:
        records: Curated records; a structure has a formula, ids are unique within a modality.
        salt: Of the folds.
    """
    records = sorted(records, key=lambda record: sample_id(record.key))
    structures = [record for record in records if record.modality == "structure"]
    texts = [record for record in records if record.modality == "text"]
    keys = {record.key for record in structures}
    formulas = {record.formula for record in structures}
    by_entry, by_formula = defaultdict(list), defaultdict(list)
    alone: list[Record] = []
    for text in texts:
        if text.provenance.get("entry") in keys:
            by_entry[text.provenance["entry"]].append((text, "entry"))
        elif "entry" not in text.provenance and text.formula in formulas:
            by_formula[text.formula].append((text, "formula"))
        else:
            alone.append(text)
    told = {id(text): steps(text.value, VIEW) for text in texts}
    make = partial(_sample, told=told, salt=salt)
    samples = [_of_structure(s, _distinct([*by_entry[s.key], *by_formula[s.formula]]), make) for s in structures]
    samples += [make(sample_id(text.key), text.formula, [(text, "entry")]) for text in alone if text.formula]
    counts = _ambiguity(structures, by_formula)
    counts["texts-joined-by-entry"] = sum(map(len, by_entry.values()))
    counts["texts-alone"] = len(alone)
    return Joined(samples=tuple(sorted(samples, key=lambda sample: sample.id)), counts=counts)


def _of_structure(structure: Record, texts: Sequence[Text], make: Callable[..., Sample]) -> Sample:
    sample = make(sample_id(structure.key), structure.formula, texts)
    known = {"source": structure.source, "key": structure.key, **structure.provenance}
    return replace(
        sample,
        fields={"structure": (structure.value,), **sample.fields},
        targets=structure.targets,
        provenance={"structure": (known,), **sample.provenance},
    )


def _sample(
    identifier: str, formula: str, texts: Sequence[Text], *, told: Mapping[int, tuple[str, ...]], salt: str
) -> Sample:
    """A sample with a composition and texts."""
    sample = Sample(
        id=identifier,
        fields={"composition": (dict(composition(formula)),)},
        groups={"formula": formula, "material": identifier, "fold": str(fold(formula, salt))},
        provenance={"composition": ({"origin": "formula"},)},
    )
    if not texts:
        return sample
    known = tuple({**record.provenance, "source": record.source, "joined_by": how} for record, how in texts)
    return replace(
        sample,
        fields={**sample.fields, "text": tuple(told[id(record)] for record, _ in texts)},
        annotations={"text": tuple(record.value for record, _ in texts)},
        provenance={**sample.provenance, "text": known},
    )


def _distinct(texts: Sequence[Text]) -> list[Text]:
    """Each protocol of a DOI and paragraph once."""
    seen: dict[tuple[Protocol, str, str], Text] = {}
    for record, how in texts:
        origin = (record.provenance.get("doi", record.key), record.provenance.get("paragraph", ""))
        seen.setdefault((record.value, *origin), (record, how))
    return list(seen.values())


def _ambiguity(structures: Sequence[Record], by_formula: Mapping[str | None, Sequence[Text]]) -> dict[str, int]:
    """How many recipes met how many structures by formula, and how many meetings were not one to one."""
    polymorphs = Counter(record.formula for record in structures if by_formula.get(record.formula))
    return {
        "texts-joined-by-formula": sum(map(len, by_formula.values())),
        "formulas-joined": len(polymorphs),
        "structures-joined": polymorphs.total(),
        "formulas-with-polymorphs": sum(n > 1 for n in polymorphs.values()),
        "most-structures-of-a-formula": max(polymorphs.values(), default=0),
        "formulas-with-several-texts": sum(len(texts) > 1 for texts in by_formula.values()),
        "most-texts-of-a-formula": max(map(len, by_formula.values()), default=0),
    }
