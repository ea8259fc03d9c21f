"""What the folds of a build are made of: formula, chemical system, prototype, or groups that the user gives."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pymatgen.core import Composition, Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from comma_data.config import SplitBy
from comma_data.curate import sample_id
from comma_data.errors import ConfigError
from comma_data.join import fold_group
from comma_data.pool import Engine, Serial
from comma_data.sample import RawStructure, Sample
from comma_data.split import FOLDS, PARTS, UNKNOWN, Split, audit, origins, placed, without_leaks
from comma_data.two_columns import two_columns

SYMPREC = 0.1
"""Å: how far atoms may lie from symmetric places when the prototype is found."""


def regrouped(
    samples: Sequence[Sample],
    split: SplitBy,
    *,
    root: Path | None = None,
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> tuple[Sample, ...]:
    """The samples with the folds that a build asks for.

    An entry without a formula stays with its image frame or DOI, one without a structure with its formula; where that
    is by prototype, with the prototype that most of its formula's crystals have.

    Raises:
        ConfigError: The user's table of groups cannot be read, or leaves samples out.
    """
    if split.by == "formula":
        return tuple(placed(sample, fold_group(sample), salt=split.salt) for sample in samples)
    if split.by == "chemical_system":
        groups: Iterable[str] = map(chemical_system, samples)
    elif split.by == "prototype":
        groups = _with_their_crystals(samples, list(engine.map(prototype, samples, on_death=fold_group)))
    else:
        groups = _given(samples, (root or Path()) / (split.table or ""))
    return tuple(placed(sample, group, salt=split.salt) for sample, group in zip(samples, groups, strict=True))


def chemical_system(sample: Sample) -> str:
    """`Ba-O-Ti`: the elements in alphabetical order."""
    formula = sample.groups["formula"]
    if formula.startswith(UNKNOWN):
        return fold_group(sample)
    return "-".join(sorted(element.symbol for element in Composition(formula).elements))


def prototype(sample: Sample) -> str:
    """`ABC3 221`: anonymous formula and space group of the first structure, where that is a crystal."""
    if not _is_crystal(sample):
        return fold_group(sample)
    structure: RawStructure = sample.fields["structure"][0]
    crystal = Structure(
        Lattice(structure["cell"]), list(structure["numbers"]), structure["positions"], coords_are_cartesian=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # spglib's own deprecations
        try:
            number = SpacegroupAnalyzer(crystal, symprec=SYMPREC).get_space_group_number()
        except Exception:  # noqa: BLE001 - it raises many types where it finds no symmetry
            number = 1
    return f"{crystal.composition.anonymized_formula} {number}"


def _is_crystal(sample: Sample) -> bool:
    return "structure" in sample.fields and bool(sample.fields["structure"][0]["periodic"].all())


def _with_their_crystals(samples: Sequence[Sample], groups: Sequence[str]) -> list[str]:
    """Groups in which what is no crystal has the group of the crystals of its formula.

    Of several prototypes it is the one that most of them have, of equally many the first by name. To merge the
    prototypes of a formula instead would chain all others of these prototypes together, until nothing is left to split.
    """
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sample, group in zip(samples, groups, strict=True):
        if _is_crystal(sample):
            found[sample.groups["formula"]][group] += 1
    homes = {formula: min(counts, key=lambda g: (-counts[g], g)) for formula, counts in found.items()}
    return [
        group if _is_crystal(sample) else homes.get(sample.groups["formula"], group)
        for sample, group in zip(samples, groups, strict=True)
    ]


def audits(samples: Sequence[Sample], *, by: str) -> list[dict[str, int]]:
    """Counts for each of the five splits: samples a part, texts removed, groups compared.

    Raises:
        LeakError: A group, DOI or paragraph is left on two sides.
    """
    return [_audit(samples, Split(test_fold=k), by) for k in range(FOLDS)]


def _audit(samples: Sequence[Sample], split: Split, by: str) -> dict[str, int]:
    parts: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for sample in samples:
        parts[split.part(sample.groups["fold"])].append(sample)
    test = origins(parts["test"])
    held_out = test | origins(parts["validation"])
    cleaned = [without_leaks(sample, held_out) for sample in parts["train"]]
    validation = [without_leaks(sample, test) for sample in parts["validation"]]
    compared = audit(
        {"train": (s for s, _ in cleaned), "validation": (s for s, _ in validation), "test": parts["test"]}, by=by
    )
    return {
        "test_fold": split.test_fold,
        **{part: len(of_part) for part, of_part in parts.items()},
        "texts_removed_from_train": sum(removed.total for _, removed in cleaned),
        "texts_removed_from_validation": sum(removed.total for _, removed in validation),
        **{f"compared_{kind}": number for kind, number in compared.items()},
    }


def _given(samples: Sequence[Sample], path: Path) -> list[str]:
    groups = _table(path)
    missing = [sample.id for sample in samples if sample.id not in groups]
    if missing:
        more = ", ..." if len(missing) > 5 else ""
        raise ConfigError(
            f"{path}: no group for {len(missing)} of {len(samples)} samples ({', '.join(missing[:5])}{more});"
            " add their rows; an id is the name of a file without its ending, of an image its path"
        )
    return [groups[sample.id] for sample in samples]


def _table(path: Path) -> Mapping[str, str]:
    rows = [(sample_id(name), group) for name, group in two_columns(path, "id", "group", option="split.table")]
    if len(dict(rows)) != len(rows):
        raise ConfigError(f"split.table {path}: an id comes twice; give one row for each sample")
    return dict(rows)
