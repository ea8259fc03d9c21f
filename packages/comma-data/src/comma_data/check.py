"""Verify a data set on disk: every byte, every sample, and the walls between the parts of every split."""

from collections.abc import Iterator
from pathlib import Path

from comma_data.errors import DataError, LeakError
from comma_data.folds import audits
from comma_data.manifest import INDEX, REFUSALS, file_sha256
from comma_data.sample import Sample
from comma_data.shard import index_row
from comma_data.shards import Row, ShardSet
from comma_data.split import ORIGINS, TOGETHER, fold, group_of

KEPT = frozenset({*ORIGINS, *TOGETHER})
"""What the audit needs of a value's provenance."""


def damaged_files(data: ShardSet) -> Iterator[str]:
    """What is wrong with the files: missing, of another size or content than the manifest says, or not in it."""
    folder = Path(data.path)
    known = {shard.name for shard in data.manifest.shards}
    for shard in data.manifest.shards:
        path = folder / shard.name
        if not path.is_file():
            yield f"{path}: missing"
        elif path.stat().st_size != shard.bytes:
            yield f"{path}: {path.stat().st_size} bytes, the manifest says {shard.bytes}"
        elif file_sha256(path) != shard.sha256:
            yield f"{path}: sha256 differs from the manifest"
    for path in sorted(folder.glob("*.tar")):
        if path.name not in known:
            yield f"{path}: not in the manifest"
    refusals = folder / REFUSALS
    if data.manifest.refusals_sha256 and not (
        refusals.is_file() and file_sha256(refusals) == data.manifest.refusals_sha256
    ):
        yield f"{refusals}: missing, or not what the manifest describes"


def damaged_samples(data: ShardSet) -> tuple[list[Sample], list[str]]:
    """The samples that can be read, without what the audit does not need, and what is wrong with the others.

    Delivered + reported = all, but for samples in a wrong fold, which are both.
    """
    delivered, reported = [], []
    for index, row in enumerate(data.rows):
        try:
            sample = data.read(index)
        except DataError as error:
            reported.append(str(error))
            continue
        delivered.append(_slim(sample))
        if int(sample.groups["fold"]) != fold(group_of(sample), data.manifest.split_salt):
            reported.append(f"{data.path}/{row.shard}, sample {row.id}: its fold is not that of its group")
        if data.manifest.schema_version > 1 and (wrong := _differs(row, sample)):
            reported.append(f"{data.path}/{INDEX}, sample {row.id}: {wrong} is not that of the sample")
    return delivered, reported


def _differs(row: Row, sample: Sample) -> str | None:
    """The first thing that the index says otherwise than the sample."""
    true = index_row(sample, row.shard, [])
    said = {name: getattr(row, name) for name in true if name != "members"}
    return next((n for n in said if n != "members" and _plain(said[n]) != _plain(true[n])), None)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, (tuple, list)) else value


def _slim(sample: Sample) -> Sample:
    """Without values, but with as many texts as there are."""
    provenance = {
        modality: tuple({name: value[name] for name in value.keys() & KEPT} for value in values)
        for modality, values in sample.provenance.items()
    }
    texts = {"text": ((),) * len(sample.fields["text"])} if "text" in sample.fields else {}
    return Sample(id=sample.id, fields=texts, groups=sample.groups, provenance=provenance)


def check(path: Path) -> tuple[list[str], list[dict[str, int]]]:
    """Everything that is wrong with a data set, and the audit of its splits where nothing is.

    Raises:
        ShardError: The manifest or the index cannot be trusted.
    """
    data = ShardSet(path)
    samples, reported = damaged_samples(data)
    faults = [*damaged_files(data), *reported]
    if len(data) != data.manifest.samples:
        faults.append(f"{path / INDEX}: {len(data)} samples, the manifest says {data.manifest.samples}")
    if faults:
        return list(dict.fromkeys(faults)), []  # a missing shard is missing for each of its samples
    try:
        return [], audits(samples, by=data.manifest.split.get("by", "formula"))
    except LeakError as error:
        return [str(error)], []
