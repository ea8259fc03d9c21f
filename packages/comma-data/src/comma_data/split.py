"""Folds by group, what a fold shuts out of training, and the audit that proves it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from comma_data.errors import ConfigError, LeakError
from comma_data.protocol import keep_values
from comma_data.sample import Sample

SALT = "comma-materials/2026:"
"""In front of every formula before it is hashed. Another salt makes other folds."""
FOLDS = 5
PARTS = ("train", "validation", "test")
ORIGINS = ("doi", "paragraph")
"""Keys of a text's provenance that must not stand on two sides of a split."""
TOGETHER = ("image_frame", "specimen")
"""Groups that stand on one side only, whatever a split is made by: pictures of one frame, patterns of one specimen."""
UNKNOWN = "?"
"""In front of the id, in `groups["formula"]`, where the formula is not known: such an entry is a group of its own."""
BY = {
    "formula": ("formula",),
    "chemical_system": ("formula", "split"),
    "prototype": ("split",),
    "groups": ("split",),
}
"""What a split is made by -> the groups of a sample that then stand on one side only."""

_REMEDIES = {
    **dict.fromkeys(ORIGINS, "remove the text from training with without_leaks"),
    "image_frame": (
        "if each file is a picture of its own, set micrographs.frames = 'file', which holds where neither pattern nor"
        " table states a frame; images of one picture need a split by groups"
    ),
}
"""What can be done about a group that stands in two parts, by its kind."""


def fold(group: str, salt: str = SALT) -> int:
    """The fold of a group, by default a reduced formula: sha256(salt + group) as a whole number, modulo 5."""
    return int(hashlib.sha256((salt + group).encode()).hexdigest(), 16) % FOLDS


def group_of(sample: Sample) -> str:
    """What the fold of a sample is made of."""
    return sample.groups.get("split", sample.groups["formula"])


def placed(sample: Sample, group: str, *, salt: str) -> Sample:
    """The sample with the fold of a group, and the group where that is not its formula."""
    others = {name: value for name, value in sample.groups.items() if name != "split"}
    split = {"split": group} if group != sample.groups["formula"] else {}
    return replace(sample, groups={**others, **split, "fold": str(fold(group, salt))})


def group_hash(name: str) -> str:
    """What a manifest keeps of a group (a formula, a DOI): the first 16 hexadecimal digits of its salted sha256."""
    return hashlib.sha256(f"comma-materials/group:{name}".encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Test = fold k, validation = fold k + 1 modulo 5, train = the rest."""

    test_fold: int

    def __post_init__(self) -> None:
        """Refuse a fold that does not exist."""
        if self.test_fold not in range(FOLDS):
            raise ConfigError(f"test fold {self.test_fold!r}: give a whole number from 0 to {FOLDS - 1}")

    @property
    def validation_fold(self) -> int:
        """The fold after the test fold."""
        return (self.test_fold + 1) % FOLDS

    def part(self, fold_number: int | str) -> str:
        """`train`, `validation` or `test` for a fold number, as a sample's `groups["fold"]` gives it."""
        return {self.test_fold: "test", self.validation_fold: "validation"}.get(int(fold_number), "train")

    def ids(self, folds: Mapping[str, int | str]) -> dict[str, tuple[str, ...]]:
        """Part -> ids of its samples, in the order given.

        Args:
            folds: Id of a sample -> its fold; `ShardSet.folds` is that.
        """
        return {part: tuple(i for i, number in folds.items() if self.part(number) == part) for part in PARTS}


def in_label_order(samples: Iterable[Sample]) -> list[Sample]:
    """Samples by a fixed hash of their formula: the first 300 labels are among the first 1,000, for whoever asks."""
    return sorted(samples, key=_label_order)


def first_labels(samples: Sequence[Sample], count: int) -> list[Sample]:
    """The samples whose labels a budget of that many takes, in their order; all for 0.

    Raises:
        ConfigError: there are fewer.
    """
    if count > len(samples):
        raise ConfigError(f"{count} labels are asked for; there are {len(samples)}")
    return in_label_order(samples)[: count or None]


def _label_order(sample: Sample) -> tuple[str, str]:
    return hashlib.sha256(f"comma-materials/labels:{sample.groups['formula']}".encode()).hexdigest(), sample.id


@dataclass(frozen=True, kw_only=True)
class Removed:
    """Texts that were taken out of training because they are known to validation or test."""

    doi: int = 0
    """Texts whose DOI occurs there."""
    paragraph: int = 0
    """Texts whose paragraph occurs there, and whose DOI does not."""

    def __add__(self, other: "Removed") -> "Removed":
        """Counts of both."""
        return Removed(doi=self.doi + other.doi, paragraph=self.paragraph + other.paragraph)

    @property
    def total(self) -> int:
        """All texts removed."""
        return self.doi + self.paragraph


def origins(samples: Iterable[Sample]) -> frozenset[str]:
    """Hashes (`group_hash`) of every DOI and paragraph among the samples' texts."""
    return frozenset(h for sample in samples for value in _texts(sample) for h in _origins(value).values())


def without_leaks(sample: Sample, held_out: frozenset[str]) -> tuple[Sample, Removed]:
    """A training sample without the texts that validation or test also tell, and how many they were.

    Args:
        sample: A sample of the part `train`.
        held_out: `origins` of validation and test, or the same hashes from a `ShardSet`'s index.
    """
    known = [[name for name, h in _origins(value).items() if h in held_out] for value in _texts(sample)]
    if not any(known):
        return sample, Removed()
    kept = [i for i, names in enumerate(known) if not names]
    removed = Removed(
        doi=sum("doi" in names for names in known), paragraph=sum(names == ["paragraph"] for names in known)
    )
    return keep_values(sample, "text", kept), removed


def audit(parts: Mapping[str, Iterable[Sample]], *, by: str = "formula") -> dict[str, int]:
    """Prove that no group of the split, image frame, specimen, DOI or paragraph stands in two parts.

    Args:
        parts: Name of the part -> its samples, training texts already cleaned by `without_leaks`.
        by: What the split is made by, a key of `BY`.

    Returns:
        How many distinct ones of each kind were compared.

    Raises:
        LeakError: One of them stands in two parts.
    """
    homes: dict[tuple[str, str], tuple[str, str]] = {}
    for part, samples in parts.items():
        for sample in samples:
            for group in _groups(sample, BY[by]):
                home, first = homes.setdefault(group, (part, sample.id))
                if home != part:
                    raise LeakError(
                        f"{group[0]} {group[1]!r} stands in {home} (sample {first}) and in {part} (sample {sample.id}):"
                        f" {_REMEDIES.get(group[0], 'what has to stay together needs a split by groups')}"
                    )
    compared = Counter(kind for kind, _ in homes)
    return {kind: compared[kind] for kind in (*BY[by], *TOGETHER, *ORIGINS)}


def _groups(sample: Sample, kinds: Iterable[str]) -> Iterable[tuple[str, str]]:
    yield from ((kind, sample.groups.get(kind, sample.groups["formula"])) for kind in kinds)
    yield from ((kind, sample.groups[kind]) for kind in TOGETHER if kind in sample.groups)
    for value in (value for values in sample.provenance.values() for value in values):
        yield from ((kind, value[kind]) for kind in TOGETHER if kind in value)
    for value in _texts(sample):
        yield from ((name, value[name]) for name in ORIGINS if value.get(name))


def _texts(sample: Sample) -> tuple[Mapping[str, str], ...]:
    return sample.provenance.get("text", ())


def _origins(value: Mapping[str, str]) -> dict[str, str]:
    return {name: group_hash(value[name]) for name in ORIGINS if value.get(name)}
