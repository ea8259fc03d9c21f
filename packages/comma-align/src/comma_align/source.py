"""A data folder as a training run sees it: parts, leaks taken out, one value a modality drawn for each visit."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from comma_data.classes import class_of
from comma_data.protocol import keep_values, told, told_places, with_view
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Removed, Split, group_hash, group_of, without_leaks
from comma_encoders.batch import group_code
from comma_encoders.modality import get

from comma_align.config import Run
from comma_align.errors import EmptyError, RunError
from comma_align.order import Rng, generator
from comma_align.pairs import label


@dataclass(frozen=True, kw_only=True)
class Source:
    """The samples of a run by part. Training texts known to validation or test are out, and counted."""

    manifest: Any
    split: Split
    train: Sequence[Sample]
    validation: Sequence[Sample]
    removed: Removed
    held_out: Collection[str] = ()
    """Groups, by default formulas, of the validation and the test fold, whether or not the run can use them."""

    @property
    def groups_seen(self) -> list[str]:
        """Hashes of the groups (by default formulas) that training sees, for the model's manifest."""
        return sorted({group_hash(group_of(sample)) for sample in self.train})


def usable(run: Run) -> Callable[[Sample], bool]:
    """Whether a run can learn from a sample: one of its pairs, or a modality where it does not align."""
    if run.pairs:
        return lambda sample: any(sample.fields.get(a) and sample.fields.get(b) for a, b in run.pairs)
    return lambda sample: any(sample.fields.get(m) for m in run.modalities)


def left_out(sample: Sample, run: Run) -> bool:
    """Whether a sample is of a class that the run never sees."""
    return any(class_of(name).holds(sample) for name in run.without)


def open_source(data: Path, run: Run) -> Source:
    """Read a data folder and split it as the run says.

    Raises:
        EmptyError: no sample is left to learn from, with what was there instead.
        comma_data.errors.DataError: the folder is missing or damaged.
    """
    shards = ShardSet(data)
    split = Split(test_fold=run.test_fold)
    part = [split.part(row.fold) for row in shards.rows]
    held_out = frozenset(h for row, p in zip(shards.rows, part, strict=True) if p != "train" for h in row.origins)
    ours = [i for i, p in enumerate(part) if p == "train"]
    wanted = frozenset(run.modalities).union(*(class_of(name).needs for name in run.without))
    read = (shards.read(i, modalities=wanted) for i in ours)
    cleaned = [without_leaks(sample, held_out) for sample in read if not left_out(sample, run)]
    heard = [_without_silent(sample, run) for sample, _ in cleaned]
    test = frozenset(h for row, p in zip(shards.rows, part, strict=True) if p == "test" for h in row.origins)
    read = (shards.read(i, modalities=wanted) for i, p in enumerate(part) if p == "validation")
    chosen_on = (without_leaks(sample, test)[0] for sample in read if not left_out(sample, run))
    validation = [with_view(sample, run.text_views[0]) for sample in chosen_on]  # without what tells nothing
    useful = usable(run)
    alone = "pretrain" in run.stages  # which needs no pair
    train = [s for s in heard if useful(s) or (alone and any(s.fields.get(m) for m in run.modalities))]
    if not any(map(useful, train)):
        found = sorted({m for row in shards.rows for m in row.modalities})
        asked = f"a pair of {', '.join(map(label, run.pairs))}" if run.pairs else f"one of {', '.join(run.modalities)}"
        beside = f", once {', '.join(run.without)} are left out" if run.without else ""
        silent = sum("text" in s.fields for s, _ in cleaned) - sum("text" in s.fields for s in heard)
        views = f"; text_views: {', '.join(run.text_views)} tell nothing of {silent} samples' texts" if silent else ""
        raise EmptyError(f"{data}: no training sample has {asked}{beside}; the data set has {', '.join(found)}{views}")
    _check_variations(run)
    return Source(
        manifest=shards.manifest,
        split=split,
        train=train,
        validation=[sample for sample in validation if useful(sample)],
        removed=sum((removed for _, removed in cleaned), Removed()),
        held_out=frozenset(row.group or row.formula for row, p in zip(shards.rows, part, strict=True) if p != "train"),
    )


def _without_silent(sample: Sample, run: Run) -> Sample:
    """The sample without the texts of which none of the run's views tells anything: no visit could show them."""
    count, telling = len(sample.fields.get("text", ())), set[int]()
    for view in run.text_views:
        if len(telling) == count:
            return sample
        telling.update(told_places(sample, view))
    return sample if len(telling) == count else keep_values(sample, "text", sorted(telling))


def _check_variations(run: Run) -> None:
    """Refuse a variation that a modality does not know, before training starts.

    Raises:
        RunError: with the name.
    """
    for name, wanted in run.variations.items():
        for variation in wanted:
            rng = generator(0)
            try:
                get(name).augment(get(name).example(rng), rng, 1.0, **{variation: True})
            except TypeError as error:
                raise RunError(f"variations.{name}: {name} has no variation {variation!r}") from error


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A sample as one visit sees it."""

    sample: Sample
    joined_by: Mapping[str, str]
    """Modality -> how its value came to the sample: `entry`, `pairs`, `doi` or `formula`."""


def _kept(places: Mapping[str, Sequence[int]], run: Run, rng: Rng) -> list[str]:
    """The modalities that a visit sees: all, or without those that chance leaves out if a pair remains."""
    there = [name for name in run.modalities if places[name]]
    if not run.modality_dropout:
        return there
    left = [name for name, chance in zip(there, rng.random(len(there)), strict=True) if chance >= run.modality_dropout]
    whole = any(a in left and b in left for a, b in run.pairs) if run.pairs else bool(left)
    return left if whole else there


def drawn(sample: Sample, run: Run, epoch: int, turn: int = 0) -> Drawn:
    """The sample as one visit sees it: one text view that tells something, one value a modality, varied.

    Decided by seed, epoch and id, and by which visit of the epoch it is, from 0.

    Only the text that is drawn is told: a formula may have hundreds of recipes.
    """
    rng = generator(run.seed, epoch, group_code(sample.id), *([turn] if turn else []))
    view = run.text_views[int(rng.integers(len(run.text_views)))]
    places: dict[str, Sequence[int]] = {name: range(len(sample.fields.get(name, ()))) for name in run.modalities}
    if places.get("text"):
        places["text"] = told_places(sample, view)
        if not places["text"]:
            # drawn again only here, so that other samples keep their draws
            telling = [(other, found) for other in run.text_views if (found := told_places(sample, other))]
            if telling:
                view, places["text"] = telling[int(rng.integers(len(telling)))]
    fields: dict[str, tuple[Any, ...]] = {}
    joined_by = {}
    for name in _kept(places, run, rng):
        place = places[name][int(rng.integers(len(places[name])))]
        value = told(sample, place, view) if name == "text" else sample.fields[name][place]
        fields[name] = (_varied(name, value, run, rng),)
        known = sample.provenance.get(name, ())
        joined_by[name] = known[place].get("joined_by", "entry") if place < len(known) else "entry"
    return Drawn(sample=replace(sample, fields=fields), joined_by=joined_by)


def _varied(name: str, value: Any, run: Run, rng: Rng) -> Any:
    strength = run.augmentation.get(name, 0.0)
    options = dict.fromkeys(run.variations.get(name, ()), True)
    return get(name).augment(value, rng, strength, **options) if strength else value
