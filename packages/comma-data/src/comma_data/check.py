"""Verify a data set on disk: every byte, every sample, and the walls between the parts of every split."""

from collections.abc import Iterator
from pathlib import Path

from comma_data.errors import DataError, LeakError
from comma_data.manifest import INDEX, file_sha256
from comma_data.sample import Sample
from comma_data.shards import ShardSet, read_sample
from comma_data.split import FOLDS, PARTS, Split, audit, fold, origins, without_leaks


def damaged_files(data: ShardSet) -> Iterator[str]:
    """What is wrong with the files: missing, of another size or content than the manifest says, or not in it."""
    known = {shard.name for shard in data.manifest.shards}
    for shard in data.manifest.shards:
        path = data.path / shard.name
        if not path.is_file():
            yield f"{path}: missing"
        elif path.stat().st_size != shard.bytes:
            yield f"{path}: {path.stat().st_size} bytes, the manifest says {shard.bytes}"
        elif file_sha256(path) != shard.sha256:
            yield f"{path}: sha256 differs from the manifest"
    for path in sorted(data.path.glob("*.tar")):
        if path.name not in known:
            yield f"{path}: not in the manifest"


def damaged_samples(data: ShardSet) -> tuple[list[Sample], list[str]]:
    """The samples that can be read, and what is wrong with the others; delivered + reported = all."""
    delivered, reported = [], []
    for row in data.rows:
        try:
            sample = read_sample(data.path, row)
        except DataError as error:
            reported.append(str(error))
            continue
        delivered.append(sample)
        if int(sample.groups["fold"]) != fold(sample.groups["formula"], data.manifest.split_salt):
            reported.append(f"{data.path / row.shard}, sample {row.id}: its fold is not that of its formula")
    return delivered, reported


def audit_splits(samples: list[Sample]) -> list[dict[str, int]]:
    """Counts for each of the five splits: samples a part, texts removed from train, groups compared.

    Raises:
        LeakError: A formula, DOI or paragraph is left on two sides.
    """
    return [_audit_split(samples, Split(test_fold=k)) for k in range(FOLDS)]


def _audit_split(samples: list[Sample], split: Split) -> dict[str, int]:
    parts: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for sample in samples:
        parts[split.part(sample.groups["fold"])].append(sample)
    test = origins(parts["test"])
    held_out = test | origins(parts["validation"])
    cleaned = [without_leaks(sample, held_out) for sample in parts["train"]]
    validation = [without_leaks(sample, test) for sample in parts["validation"]]
    compared = audit(
        {
            "train": (sample for sample, _ in cleaned),
            "validation": (sample for sample, _ in validation),
            "test": parts["test"],
        }
    )
    return {
        "test_fold": split.test_fold,
        **{part: len(of_part) for part, of_part in parts.items()},
        "texts_removed_from_train": sum(removed.total for _, removed in cleaned),
        "texts_removed_from_validation": sum(removed.total for _, removed in validation),
        **{f"compared_{kind}": number for kind, number in compared.items()},
    }


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
        return faults, []
    try:
        return [], audit_splits(samples)
    except LeakError as error:
        return [str(error)], []
