"""The samples of a data set on both sides of a split."""

from collections.abc import Callable
from dataclasses import dataclass

from comma_data.sample import Sample
from comma_data.shards import Row, ShardSet
from comma_data.split import Split, without_leaks

from comma_eval.errors import UsageError

PARTS = ("test", "validation")


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Training samples and held-out ones."""

    train: tuple[Sample, ...]
    """Samples of the training folds that have a text, without the texts that validation or test also tell."""
    test: tuple[Sample, ...]
    """Samples of the asked fold that have a structure and a text; of validation, without the texts that test tells."""


def held_out(data: ShardSet, split: Split, part: str) -> HeldOut:
    """Read what a retrieval task between structures and protocols needs.

    Args:
        data: the data set.
        split: which folds are held out.
        part: `test` or `validation`.

    Raises:
        UsageError: another part.
    """
    if part not in PARTS:
        raise UsageError(f"unknown fold {part!r}; known: {', '.join(PARTS)}")
    told = frozenset(h for row in data.rows if split.part(row.fold) != "train" for h in row.origins)
    train = _read(data, lambda row: split.part(row.fold) == "train" and "text" in row.modalities)
    test = _read(data, lambda row: split.part(row.fold) == part and {"structure", "text"} <= row.modalities.keys())
    if part == "validation":
        tested = frozenset(h for row in data.rows if split.part(row.fold) == "test" for h in row.origins)
        cleaned = (without_leaks(sample, tested)[0] for sample in test)
        test = tuple(sample for sample in cleaned if "text" in sample.fields)
    return HeldOut(train=tuple(without_leaks(sample, told)[0] for sample in train), test=test)


def _read(data: ShardSet, wanted: Callable[[Row], bool]) -> tuple[Sample, ...]:
    return tuple(data[number] for number, row in enumerate(data.rows) if wanted(row))
