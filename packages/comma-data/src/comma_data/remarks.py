"""What the user of a build should know of it, though nothing of it is refused."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from comma_data.curate import Curated
from comma_data.properties import SOURCE as PROPERTIES
from comma_data.sample import Sample
from comma_data.split import FOLDS, group_of

MOST = 3
"""Examples in one line."""


def remarks(curated: Curated, samples: Sequence[Sample]) -> list[str]:
    """One line each: formulas that an ordering changed, rows without a structure, classes and parts that a split lacks.

    Args:
        curated: What came of the records.
        samples: The samples with their folds.
    """
    return [*_ordered(curated), *_rows(curated), *_classes(samples), *_empty(samples)]


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
        yield f"properties.csv: {len(names)} of {counts.read} rows belong to no structure ({_some(names)})"


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
