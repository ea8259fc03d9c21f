"""Samples -> tar shards in the webdataset format, the index and the manifest."""

import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import comma_data
from comma_data.codec import SCHEMA, encode
from comma_data.errors import DataError
from comma_data.manifest import INDEX, MANIFEST, Counts, Manifest, ShardFile, data_hash, sha256
from comma_data.sample import Sample
from comma_data.split import ORIGINS, SALT, group_hash
from comma_data.storage import PART, complete_file

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""What an id looks like; other characters, dots above all, are read differently by different tar readers."""
HEADER = 512
"""Bytes of a USTAR header."""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the manifest says beside the samples themselves."""

    name: str
    build: Mapping[str, Any]
    inputs: Mapping[str, str]
    counts: Mapping[str, Counts]
    joined: Mapping[str, int]
    split_salt: str = SALT


def write(samples: Iterable[Sample], out: Path, description: Description, *, samples_per_shard: int = 1000) -> Manifest:
    """Write a data set: the shards, then `samples.jsonl`, then `manifest.json`, each complete or not there.

    The same samples give the same bytes. Samples are taken one shard at a time.

    Args:
        samples: In the order in which they are stored.
        out: Folder of the data set; what an interrupted build left there is overwritten.
        description: What the manifest says beside the samples.
        samples_per_shard: Samples in each shard but the last.

    Raises:
        DataError: An id that cannot be a key, or that comes twice.
        StorageError: The disk does not take a file.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)
    shards: list[ShardFile] = []
    rows: list[Row] = []
    for number, chunk in enumerate(_chunks(_checked(samples), samples_per_shard)):
        shard, of_shard = _write_shard(out / f"shard-{number:05d}.tar", chunk)
        shards.append(shard)
        rows += of_shard
    index = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows).encode()
    with complete_file(out / INDEX) as file:
        file.write(index)
    manifest = _manifest(tuple(shards), rows, sha256(index), description)
    _remove_leftovers(out, {shard.name for shard in shards})
    with complete_file(out / MANIFEST) as file:
        file.write(manifest.to_json().encode())
    return manifest


def _checked(samples: Iterable[Sample]) -> Iterator[Sample]:
    seen: set[str] = set()
    for sample in samples:
        if not KEY.fullmatch(sample.id):
            raise DataError(f"sample id {sample.id!r}: 1 to 64 characters a-z, 0-9 and -, the first no -")
        if sample.id in seen:
            raise DataError(f"sample id {sample.id!r} comes twice: ids are unique within a data set")
        seen.add(sample.id)
        yield sample


def _chunks(samples: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    while chunk := list(islice(samples, size)):
        yield chunk


def _write_shard(path: Path, samples: list[Sample]) -> tuple[ShardFile, list[Row]]:
    rows: list[Row] = []
    with complete_file(path) as file:
        hashing = _Hashing(file)
        with tarfile.open(fileobj=hashing, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            rows.extend(_row(sample, path.name, _add(tar, sample)) for sample in samples)
        size = file.tell()
    return ShardFile(name=path.name, samples=len(rows), bytes=size, sha256=hashing.digest()), rows


def _add(tar: tarfile.TarFile, sample: Sample) -> list[list[Any]]:
    """Write the members, sorted by name; [extension, offset of the data, bytes, crc32] for each."""
    members = []
    for extension, data in sorted(encode(sample).items()):
        info = tarfile.TarInfo(f"{sample.id}.{extension}")
        info.size = len(data)
        members.append([extension, tar.offset + HEADER, len(data), zlib.crc32(data)])
        tar.addfile(info, io.BytesIO(data))
    return members


def _row(sample: Sample, shard: str, members: list[list[Any]]) -> Row:
    texts = sample.provenance.get("text", ())
    origins = {group_hash(value[name]) for value in texts for name in ORIGINS if value.get(name)}
    return {
        "id": sample.id,
        "shard": shard,
        "formula": sample.groups["formula"],
        "fold": int(sample.groups["fold"]),
        "modalities": {modality: len(values) for modality, values in sorted(sample.fields.items()) if values},
        "origins": sorted(origins),
        "members": members,
    }


def _manifest(shards: tuple[ShardFile, ...], rows: list[Row], index_sha256: str, about: Description) -> Manifest:
    names = sorted({modality for row in rows for modality in row["modalities"]})
    return Manifest(
        name=about.name,
        schema_version=SCHEMA,
        package_version=comma_data.__version__,
        split_salt=about.split_salt,
        build=about.build,
        inputs=about.inputs,
        counts=about.counts,
        joined=about.joined,
        samples=len(rows),
        modalities={name: sum(name in row["modalities"] for row in rows) for name in names},
        shards=shards,
        index_sha256=index_sha256,
        data_hash=data_hash(shards, index_sha256),
    ).sealed()


def _remove_leftovers(out: Path, shards: set[str]) -> None:
    """Remove what an interrupted build left: unfinished files and shards that are no longer part of the set."""
    for path in [*out.glob(f"*{PART}"), *out.glob("shard-*.tar")]:
        if path.name not in shards:
            path.unlink(missing_ok=True)


class _Hashing(io.RawIOBase):
    """A write-only file that hashes what passes."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def digest(self) -> str:
        return self._hash.hexdigest()
