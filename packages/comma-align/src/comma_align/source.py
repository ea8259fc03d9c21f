"""A data folder as a training run sees it: parts, leaks taken out, one value a modality drawn for each visit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from comma_data.protocol import with_view
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Removed, Split, group_hash, group_of, without_leaks
from comma_encoders.batch import collate, group_code
from comma_encoders.modality import get
from comma_encoders.types import Batch

from comma_align.config import Run
from comma_align.errors import EmptyError
from comma_align.order import Rng, generator


@dataclass(frozen=True, kw_only=True)
class Source:
    """The samples of a run by part. Training texts known to validation or test are out, and counted."""

    manifest: Any
    split: Split
    train: Sequence[Sample]
    validation: Sequence[Sample]
    removed: Removed

    @property
    def groups_seen(self) -> list[str]:
        """Hashes of the groups (by default formulas) that training sees, for the model's manifest."""
        return sorted({group_hash(group_of(sample)) for sample in self.train})


def _useful(sample: Sample, modalities: Sequence[str]) -> bool:
    """Two modalities at least: one alone has nothing to be aligned with."""
    return sum(bool(sample.fields.get(m)) for m in modalities) >= 2


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
    cleaned = [without_leaks(shards.read(i, modalities=run.modalities), held_out) for i in ours]
    test = frozenset(h for row, p in zip(shards.rows, part, strict=True) if p == "test" for h in row.origins)
    chosen_on = [shards.read(i, modalities=run.modalities) for i, p in enumerate(part) if p == "validation"]
    validation = [without_leaks(sample, test)[0] for sample in chosen_on]
    train = [sample for sample, _ in cleaned if _useful(sample, run.modalities)]
    if not train:
        found = sorted({m for row in shards.rows for m in row.modalities})
        raise EmptyError(
            f"{data}: no training sample has two of {', '.join(run.modalities)}; the data set has {', '.join(found)}"
        )
    return Source(
        manifest=shards.manifest,
        split=split,
        train=train,
        validation=[sample for sample in validation if _useful(sample, run.modalities)],
        removed=sum((removed for _, removed in cleaned), Removed()),
    )


def _one(name: str, values: Sequence[Any], rng: Rng, strength: float) -> tuple[Any, ...]:
    """One of the values, varied."""
    value = values[int(rng.integers(len(values)))]
    return (get(name).augment(value, rng, strength) if strength else value,)


def drawn(sample: Sample, run: Run, epoch: int) -> Sample:
    """The sample as one visit sees it: one text view, one value a modality, varied; decided by seed, epoch and id."""
    rng = generator(run.seed, epoch, group_code(sample.id))
    sample = with_view(sample, run.text_views[int(rng.integers(len(run.text_views)))])
    fields = {
        name: _one(name, sample.fields[name], rng, run.augmentation.get(name, 0.0))
        for name in run.modalities
        if sample.fields.get(name)
    }
    return replace(sample, fields=fields)


def make_batch(samples: Sequence[Sample], run: Run, configs: Mapping[str, Any], epoch: int) -> Batch:
    """A batch of these samples as the epoch sees them."""
    return collate([drawn(sample, run, epoch) for sample in samples], configs)
