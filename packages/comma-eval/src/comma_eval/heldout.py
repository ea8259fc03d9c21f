"""The samples of a data set on both sides of a split."""

from collections.abc import Callable
from dataclasses import dataclass

from comma_data.classes import class_of
from comma_data.nearest import did_you_mean
from comma_data.sample import Sample
from comma_data.shards import Row, ShardSet
from comma_data.split import Split, without_leaks

from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.task import Needs

PARTS = ("test", "validation", "all")


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Training samples and held-out ones."""

    train: tuple[Sample, ...]
    """Of the training folds, without the texts that validation or test also tell."""
    test: tuple[Sample, ...]
    """Of the asked fold; of validation, without the texts that test tells; of `all` everything."""


def transferred(both: HeldOut, name: str) -> HeldOut:
    """Both sides with a class of materials on the held-out side alone: what is learnt elsewhere has to carry over.

    Args:
        both: both sides.
        name: of the class, a key of `comma_data.classes.CLASSES`; empty changes nothing.

    Raises:
        comma_data.errors.ConfigError: no such class.
        EmptyTaskError: one side is empty then.
    """
    if not name:
        return both
    held = class_of(name).holds
    found = HeldOut(
        train=tuple(sample for sample in both.train if not held(sample)), test=tuple(filter(held, both.test))
    )
    if not found.test or (both.train and not found.train):
        raise EmptyTaskError(
            f"{name} ({class_of(name).what}): {len(found.test)} of {len(both.test)} held-out samples are of that class,"
            f" and {len(found.train)} of {len(both.train)} training samples are not; choose another class or data set"
        )
    return found


def held_out(data: ShardSet, split: Split, part: str, needs: Needs) -> HeldOut:
    """Read what a task needs.

    Args:
        data: the data set.
        split: which folds are held out.
        part: `test` or `validation`; or `all` samples, for a data set that no model was trained on: then none is left
            to learn from.
        needs: modalities and target that the samples must have, before texts are taken out.

    Raises:
        UsageError: another part, or a target that no sample has.
    """
    if part not in PARTS:
        raise UsageError(f"unknown fold {part!r}; known: {', '.join(PARTS)}")
    _refuse_unknown(data, needs.target)
    if part == "all":
        return HeldOut(train=(), test=_read(data, lambda row: _fits(row, needs.test, needs), needs.keep))
    told = _origins(data, lambda row: split.part(row.fold) != "train")
    keep = needs.keep
    train = _read(data, lambda row: split.part(row.fold) == "train" and _fits(row, needs.train, needs), keep)
    test = _read(data, lambda row: split.part(row.fold) == part and _fits(row, needs.test, needs), keep)
    if part == "validation":
        tested = _origins(data, lambda row: split.part(row.fold) == "test")
        cleaned = (without_leaks(sample, tested)[0] for sample in test)
        test = tuple(sample for sample in cleaned if needs.test <= sample.fields.keys())
    return HeldOut(train=tuple(without_leaks(sample, told)[0] for sample in train), test=test)


def _refuse_unknown(data: ShardSet, target: str | None) -> None:
    """Name the targets that there are where the asked one is none of them."""
    if target is None:
        return
    known = sorted({name for row in data.rows for name in row.targets})
    if target not in known:
        have = f"it has: {', '.join(known)}{did_you_mean(target, known)}" if known else "it has none"
        raise UsageError(f"no sample of {data.path} has the target {target!r}; {have}")


def _fits(row: Row, modalities: frozenset[str] | None, needs: Needs) -> bool:
    asked = (needs.target is None or needs.target in row.targets) and (needs.indexed is None or needs.indexed(row))
    return modalities is not None and modalities <= row.modalities.keys() and asked


def _origins(data: ShardSet, wanted: Callable[[Row], bool]) -> frozenset[str]:
    return frozenset(h for row in data.rows if wanted(row) for h in row.origins)


def _read(data: ShardSet, wanted: Callable[[Row], bool], keep: Callable[[Sample], bool] | None) -> tuple[Sample, ...]:
    samples = (data[number] for number, row in enumerate(data.rows) if wanted(row))
    return tuple(samples if keep is None else filter(keep, samples))
