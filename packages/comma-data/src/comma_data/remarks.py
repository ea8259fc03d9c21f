"""What the user of a build should know of it, though nothing of it is refused."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from comma_data.curate import Curated, sample_id
from comma_data.homes import is_named
from comma_data.nearest import did_you_mean
from comma_data.properties import SOURCE as PROPERTIES
from comma_data.sample import Record, Sample
from comma_data.split import FOLDS, group_of

MOST = 3
"""Examples in one line."""


def remarks(curated: Curated, samples: Sequence[Sample]) -> list[str]:
    """One line each.

    Formulas that an ordering changed, rows without a structure, structures that were not compared, entries that are no
    structure, classes and parts that a split lacks.

    Args:
        curated: What came of the records.
        samples: The samples with their folds.
    """
    return [
        *_ordered(curated),
        *_rows(curated),
        *_uncompared(curated),
        *_nowhere(curated),
        *_classes(samples),
        *_empty(samples),
    ]


def _ordered(curated: Curated) -> Iterator[str]:
    ordered = [record for record in curated.accepted if record.provenance.get("disorder") == "majority"]
    changed = [
        f"{record.key}: {record.provenance['disordered_formula']} became {record.formula}"
        for record in ordered
        if "disordered_formula" in record.provenance
    ]
    if ordered:
        some = f" ({_some(changed)})" if changed else ""
        yield f"made ordered by majority: {len(ordered)} structures, of which {len(changed)} changed formula{some}"


def _rows(curated: Curated) -> Iterator[str]:
    counts = curated.counts.get(PROPERTIES)
    if counts is not None:
        names = [refusal.key for refusal in curated.refused if refusal.source == PROPERTIES]
        some = _some(names)
        yield f"properties.csv: {len(names)} of {counts.read} rows belong to no structure, or to several ({some})"


def _uncompared(curated: Curated) -> Iterator[str]:
    if curated.uncompared:
        yield (
            f"structures of {_number(len(curated.uncompared), 'formula')} may repeat each other "
            f"({_some(curated.uncompared)}): the process that compared them died; is there enough memory? "
            "Build anew to compare them again"
        )


def _nowhere(curated: Curated) -> Iterator[str]:
    """Texts and images that name a structure which no source has, accepted or not."""
    structures = {sample_id(r.key): r for r in curated.accepted if r.modality == "structure"}
    known = {*curated.merged, *(sample_id(refusal.key) for refusal in curated.refused)}
    others = (r for r in curated.accepted if r.modality != "structure" and "entry" in r.provenance)
    named = Counter(r.provenance["entry"] for r in others if not _is_known(r, structures, known))
    if structures and named:
        keys = [structure.key for structure in structures.values()]
        shown = [f"{name}{did_you_mean(name, keys) if place < MOST else ''}" for place, name in enumerate(named)]
        yield f"{_number(named.total(), 'record')} with an `entry` that is no structure here ({_some(shown)}): alone"


def _is_known(record: Record, structures: Mapping[str, Record], known: Collection[str]) -> bool:
    entry = record.provenance["entry"]
    structure = structures.get(sample_id(entry))
    return sample_id(entry) in known if structure is None else is_named(entry, record, structure)


def _classes(samples: Iterable[Sample]) -> Iterator[str]:
    """Classes of images that no split can have on two sides, for each target."""
    found: defaultdict[str, defaultdict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        for name, value in sample.targets.items() if sample.fields.get("image") else ():
            if isinstance(value, str):
                found[name][value].append(sample)
    for name, classes in sorted(found.items()):
        alone = [
            f"{value}: {len(members)} images, {_number(len({*map(group_of, members)}), 'group')}"
            for value, members in sorted(classes.items())
            if len(members) > 1 and len({sample.groups["fold"] for sample in members}) == 1
        ]
        if alone:
            yield (
                f"{name}: {len(alone)} of {_number(len(classes), 'class')} of images in one fold each ({_some(alone)}):"
                " never in both train and test; micrographs.frames says what belongs together"
            )


def _empty(samples: Iterable[Sample]) -> Iterator[str]:
    there = Counter(int(sample.groups["fold"]) for sample in samples)
    empty = [number for number in range(FOLDS) if not there[number]]
    if empty:
        before = ", ".join(str((number - 1) % FOLDS) for number in empty)
        these = ", ".join(map(str, empty))
        yield f"no sample in fold {these}: no test part with test fold {these}, no validation part with {before}"


def _number(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}{'es' if what.endswith('s') else 's'}"


def _some(examples: Sequence[str]) -> str:
    return ", ".join([*examples[:MOST], *(["..."] if len(examples) > MOST else [])])
