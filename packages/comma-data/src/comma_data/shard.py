"""One shard: samples -> a tar file in the webdataset format, and the index rows that find them again."""

import hashlib
import io
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import comma_data
from comma_data.codec import SCHEMA, encode
from comma_data.errors import DataError
from comma_data.journal import keep, kept
from comma_data.manifest import ShardFile, sha256
from comma_data.sample import Sample
from comma_data.split import ORIGINS, group_hash
from comma_data.storage import complete_file, ensure_room

HEADER = 512
"""Bytes of a USTAR header."""
JOURNAL = ".build"
"""Folder, inside of the data set's, of what an unfinished build has done."""

Row = dict[str, Any]
Members = Mapping[str, bytes]
"""Extension -> content."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What became of a sample on its way into the shard."""

    samples: tuple[Sample, ...]
    """The sample with what was computed for it, and samples that were made from it."""
    outcomes: tuple[str, ...] = ()
    """What to count, e.g. `xrd` or `xrd: no-reflections`."""


class Finish(Protocol):
    """The last step of a sample, taken where its shard is written."""

    @property
    def key(self) -> str:
        """Equal keys do the same to every sample."""
        ...

    def __call__(self, sample: Sample) -> Finished:
        """The finished sample."""
        ...


@dataclass(frozen=True, kw_only=True)
class AsItIs:
    """Does nothing to a sample."""

    key: str = "as it is"

    def __call__(self, sample: Sample) -> Finished:
        """As `Finish`."""
        return Finished(samples=(sample,))


@dataclass(frozen=True, kw_only=True)
class Task:
    """A shard to write."""

    name: str
    folder: Path
    samples: Sequence[Sample]
    finish: Finish


@dataclass(frozen=True, kw_only=True)
class Written:
    """A shard that was written."""

    shard: ShardFile
    rows: Sequence[Row]
    outcomes: Mapping[str, int]


def write_shard(task: Task) -> Written:
    """Write a shard, complete or not at all; one that an interrupted build finished from the same samples is kept.

    Raises:
        StorageError: The disk does not take the file.
        DataError: A sample cannot be stored.
    """
    encoded = [_encoded(sample) for sample in task.samples]
    identity = _identity(task, encoded)
    journal = task.folder / JOURNAL / f"{task.name}.json"
    return _kept(task, journal, identity) or _written(task, journal, identity, encoded)


def _written(task: Task, journal: Path, identity: str, encoded: Sequence[Members]) -> Written:
    outcomes: Counter[str] = Counter()
    data, rows = _tar(task.name, _finished(task, encoded, outcomes))
    path = task.folder / task.name
    ensure_room(path, len(data))
    with complete_file(path, needed=len(data)) as file:
        file.write(data)
    shard = ShardFile(name=task.name, samples=len(rows), bytes=len(data), sha256=sha256(data))
    told = {"shard": shard.model_dump(), "rows": rows, "outcomes": dict(sorted(outcomes.items()))}
    keep(journal, shard.sha256, identity, told)
    return Written(shard=shard, rows=rows, outcomes=outcomes)


def _kept(task: Task, journal: Path, identity: str) -> Written | None:
    """The shard that is there, where it was made of the same samples in the same way and no byte has changed."""
    told = kept(journal, task.folder / task.name, identity)
    if told is None:
        return None
    shard = ShardFile.model_validate(told["shard"])
    return Written(shard=shard, rows=told["rows"], outcomes=told["outcomes"])


def _identity(task: Task, encoded: Sequence[Members]) -> str:
    digest = hashlib.sha256(f"{comma_data.__version__} {SCHEMA} {task.finish.key}".encode())
    for members in encoded:
        for name, data in members.items():
            digest.update(f"{name} {len(data)} ".encode())
            digest.update(data)
    return digest.hexdigest()


def _finished(task: Task, encoded: Sequence[Members], outcomes: Counter[str]) -> Iterator[tuple[Sample, Members]]:
    """Every finished sample with its members; one that nothing was done to is not encoded again."""
    for sample, members in zip(task.samples, encoded, strict=True):
        finished = task.finish(sample)
        outcomes.update(finished.outcomes)
        yield from ((made, members if made is sample else _encoded(made)) for made in finished.samples)


def _tar(name: str, samples: Iterator[tuple[Sample, Members]]) -> tuple[bytes, list[Row]]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        rows = [index_row(sample, name, _add(tar, sample.id, members)) for sample, members in samples]
    return buffer.getvalue(), rows


def _encoded(sample: Sample) -> dict[str, bytes]:
    try:
        return encode(sample)
    except ValueError as error:
        raise DataError(f"sample {sample.id} cannot be stored: {error}") from error


def _add(tar: tarfile.TarFile, key: str, content: Members) -> list[list[Any]]:
    """Write the members, sorted by name; [extension, offset of the data, bytes, crc32] for each."""
    members = []
    for extension, data in sorted(content.items()):
        info = tarfile.TarInfo(f"{key}.{extension}")
        info.size = len(data)
        members.append([extension, tar.offset + HEADER, len(data), zlib.crc32(data)])
        tar.addfile(info, io.BytesIO(data))
    return members


def index_row(sample: Sample, shard: str, members: list[list[Any]]) -> Row:
    """What the index says of a sample."""
    texts = sample.provenance.get("text", ())
    origins = {group_hash(value[name]) for value in texts for name in ORIGINS if value.get(name)}
    return {
        "id": sample.id,
        "shard": shard,
        "formula": sample.groups["formula"],
        "fold": int(sample.groups["fold"]),
        "group": sample.groups.get("split"),
        "modalities": {modality: len(values) for modality, values in sorted(sample.fields.items()) if values},
        "targets": sorted(sample.targets),
        "origins": sorted(origins),
        "members": members,
    }
