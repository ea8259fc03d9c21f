"""The page about a data set: what was read and refused, what met what, how it is split, and what is in it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_data.export.plan import held_out
from comma_data.pages.elements import periodic_table
from comma_data.pages.page import render
from comma_data.pages.plots import Histogram, histogram
from comma_data.pages.refused import accounting
from comma_data.pages.survey import Survey, survey
from comma_data.shards import Row, ShardSet
from comma_data.split import FOLDS, PARTS, UNKNOWN, Split

TOP = 18
"""Lines of a list of the most frequent."""

QUANTITIES = {
    "sites": ("Sites of a structure", "sites"),
    "elements": ("Elements of a sample", "elements"),
    "texts": ("Protocols of a sample that has any", "protocols"),
    "steps": ("Steps of a protocol", "steps"),
    "hottest": ("Hottest step of a protocol", "°C"),
    "hours": ("Duration of a protocol, where given", "hours"),
    "pixels": ("Longer edge of an image", "pixels"),
    "nm_per_pixel": ("Scale of an image", "nm per pixel"),
    "wavelength": ("Wavelength of a pattern", "Å"),
}
"""Quantity of a `Survey` -> heading and axis."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A histogram with its heading."""

    heading: str
    histogram: Histogram


def report(data: Path | str) -> str:
    """One HTML page about a data set; it works offline and holds no script.

    The same data set gives the same page. Every sample is read once.

    Args:
        data: A data set: its folder or address.

    Raises:
        ShardError: The data set is damaged.
    """
    source = ShardSet(data)
    found = survey(source)
    manifest = source.manifest
    return render(
        "report.html",
        manifest=manifest,
        accounting=accounting(manifest, data),
        formulas=len(_formulas(source.rows)),
        folds=folds(source.rows),
        splits=splits(source.rows),
        ambiguity=ambiguity(row for row in source.rows if row.id not in found.guests),
        found=found,
        table=periodic_table(found.elements, len(source)) if found.elements else None,
        figures=figures(found),
        precursors=found.precursors.most_common(TOP),
        together=found.together.most_common(TOP),
        classes={name: counts.most_common(TOP) for name, counts in sorted(found.classes.items())},
        settings=flattened(manifest.build),
    )


def _formulas(rows: Iterable[Row]) -> set[str]:
    """The formulas that are known."""
    return {row.formula for row in rows if not row.formula.startswith(UNKNOWN)}


def folds(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For each fold its samples, formulas, and samples with each modality."""
    made = []
    for number in range(FOLDS):
        of_fold = [row for row in rows if row.fold == number]
        modalities = Counter(modality for row in of_fold for modality in row.modalities)
        made.append(
            {
                "fold": number,
                "samples": len(of_fold),
                "formulas": len(_formulas(of_fold)),
                "modalities": modalities,
            }
        )
    return made


def splits(rows: Sequence[Row]) -> list[dict[str, int]]:
    """For each test fold the samples of the parts, and how many of training tell what is known to a later part."""
    made = []
    for k in range(FOLDS):
        split = Split(test_fold=k)
        shut_out = held_out(rows, split)["train"]
        parts = Counter(split.part(row.fold) for row in rows)
        leaking = sum(split.part(row.fold) == "train" and not shut_out.isdisjoint(row.origins) for row in rows)
        made.append({"test_fold": k, **{part: parts[part] for part in PARTS}, "leaking": leaking})
    return made


def ambiguity(rows: Iterable[Row]) -> dict[str, int]:
    """How far protocols and structures of one formula are from one to one."""
    structures: Counter[str] = Counter()
    texts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.modalities.get("structure"):
            structures[row.formula] += 1
            texts[row.formula] = max(texts[row.formula], row.modalities.get("text", 0))
    both = [formula for formula in structures if texts[formula]]
    return {
        "both": len(both),
        "one to one": sum(structures[f] == 1 == texts[f] for f in both),
        "several structures": sum(structures[f] > 1 for f in both),
        "several protocols": sum(texts[f] > 1 for f in both),
        "most structures": max((structures[f] for f in both), default=0),
        "most protocols": max((texts[f] for f in both), default=0),
    }


def figures(found: Survey) -> list[Figure]:
    """A histogram of every quantity that has values that differ."""
    named = [(name, *QUANTITIES[name]) for name in QUANTITIES]
    targets = sorted(name for name in found.numbers if name.startswith("target "))
    named += [(name, name.removeprefix("target "), "") for name in targets]
    return [
        Figure(heading=heading, histogram=histogram(found.numbers[name], heading, axis=unit))
        for name, heading, unit in named
        if len(set(found.numbers.get(name, ()))) > 1
    ]


def flattened(settings: Any, name: str = "") -> list[tuple[str, str]]:
    """`{"a": {"b": 1}}` as `("a.b", "1")`."""
    if isinstance(settings, dict) and settings:
        return [line for key, value in settings.items() for line in flattened(value, f"{name}.{key}" if name else key)]
    if isinstance(settings, list) and any(isinstance(item, dict) for item in settings):
        return [line for i, item in enumerate(settings) for line in flattened(item, f"{name}[{i}]")]
    return [(name, str(settings))]
