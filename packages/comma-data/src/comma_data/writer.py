"""Samples -> a data set: shards, index, refusals and manifest, each complete or not there."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import comma_data
from comma_data.codec import SCHEMA
from comma_data.errors import DataError
from comma_data.leftovers import LOCK, remove_journal, remove_leftovers
from comma_data.manifest import INDEX, MANIFEST, REFUSALS, Counts, Manifest, data_hash, sha256
from comma_data.pool import Engine, Serial
from comma_data.sample import Refusal, Sample
from comma_data.shard import JOURNAL, AsItIs, Finish, Row, Task, Written, write_shard
from comma_data.split import SALT
from comma_data.storage import complete_file, ensure_folder, only_writer

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""What an id looks like; other characters, dots above all, are read differently by different tar readers."""
BYTES_PER_SHARD = 64 * 2**20
"""A shard is closed when the arrays of its samples come to this, before anything is simulated."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the manifest says beside the samples themselves."""

    name: str
    build: Mapping[str, Any]
    inputs: Mapping[str, str]
    counts: Mapping[str, Counts]
    joined: Mapping[str, int]
    split_salt: str = SALT
    split: Mapping[str, Any] = field(default_factory=dict)
    refused: Sequence[Refusal] = ()


def write(  # noqa: PLR0913 - how a data set is laid out, all with defaults
    samples: Iterable[Sample],
    out: Path,
    description: Description,
    *,
    samples_per_shard: int = 1000,
    finish: Finish = AsItIs(),  # noqa: B008 - frozen
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> Manifest:
    """Write a data set: the shards, then `samples.jsonl` and `refusals.jsonl`, then `manifest.json`.

    The same samples give the same bytes, whatever the engine. Shards that an interrupted call finished are kept where
    their samples are the same.

    Args:
        samples: In the order in which they are stored; taken one shard at a time.
        out: Folder of the data set.
        description: What the manifest says beside the samples.
        samples_per_shard: Samples in each shard but the last; fewer where they are large (`BYTES_PER_SHARD`).
        finish: What is done to each sample where its shard is written.
        engine: What the shards are written on; all of its workers see the folder.

    Raises:
        DataError: An id that cannot be a key, or that comes twice.
        StorageError: The disk does not take a file.
    """
    ensure_folder(out / JOURNAL)
    with only_writer(out / JOURNAL / LOCK):
        return _write(samples, out, description, samples_per_shard, finish, engine)


def _write(  # noqa: PLR0913, PLR0917 - what `write` was given
    samples: Iterable[Sample],
    out: Path,
    description: Description,
    samples_per_shard: int,
    finish: Finish,
    engine: Engine,
) -> Manifest:
    (out / MANIFEST).unlink(missing_ok=True)
    tasks = (
        Task(name=f"shard-{number:05d}.tar", folder=out, samples=chunk, finish=finish)
        for number, chunk in enumerate(_chunks(_checked(samples), samples_per_shard))
    )
    written = list(engine.map(write_shard, tasks, on_death=_died, size=1))
    rows = [row for part in written for row in part.rows]
    check_ids(row["id"] for row in rows)  # again: `finish` may have made samples
    manifest = _index(out, written, rows, description)
    remove_leftovers(out, {shard.name for shard in manifest.shards})
    text = manifest.to_json().encode()
    with complete_file(out / MANIFEST, needed=len(text)) as file:
        file.write(text)
    remove_journal(out)
    return manifest


def check_ids(ids: Iterable[str]) -> None:
    """Refuse ids that cannot be keys.

    Raises:
        DataError: An id has other characters, or comes twice.
    """
    seen: set[str] = set()
    for identifier in ids:
        _check_id(identifier, seen)


def _check_id(identifier: str, seen: set[str]) -> None:
    """Check one id, and remember it."""
    if not KEY.fullmatch(identifier):
        raise DataError(f"sample id {identifier!r}: 1 to 64 characters a-z, 0-9 and -, the first no -")
    if identifier in seen:
        raise DataError(f"sample id {identifier!r} comes twice: ids are unique within a data set")
    seen.add(identifier)


def _checked(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples, as long as their ids are right."""
    seen: set[str] = set()
    for sample in samples:
        _check_id(sample.id, seen)
        yield sample


def _chunks(samples: Iterable[Sample], most: int) -> Iterator[list[Sample]]:
    chunk: list[Sample] = []
    size = 0
    for sample in samples:
        size += _nbytes([sample.fields, sample.annotations])
        chunk.append(sample)
        if len(chunk) == most or size >= BYTES_PER_SHARD:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _nbytes(value: object) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_nbytes, value.values()))
    return sum(map(_nbytes, value)) if isinstance(value, (tuple, list)) else 0


def _died(task: Task) -> Written:
    first, last = task.samples[0].id, task.samples[-1].id
    raise DataError(f"the process that wrote {task.name} (samples {first} to {last}) died; is there enough memory?")


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows).encode()


def _index(out: Path, written: Sequence[Written], rows: Sequence[Row], about: Description) -> Manifest:
    """Write index and refusals; the manifest that describes them."""
    files = {INDEX: _lines(rows)}
    if about.refused:
        files[REFUSALS] = _lines(vars(refusal) for refusal in about.refused)
    for name, data in files.items():
        with complete_file(out / name, needed=len(data)) as file:
            file.write(data)
    outcomes: Counter[str] = Counter()
    for part in written:
        outcomes.update(part.outcomes)
    shards = tuple(part.shard for part in written)
    index = sha256(files[INDEX])
    return Manifest(
        name=about.name,
        schema_version=SCHEMA,
        package_version=comma_data.__version__,
        split_salt=about.split_salt,
        split=about.split,
        build=about.build,
        inputs=about.inputs,
        counts=about.counts,
        joined=about.joined,
        simulated=dict(sorted(outcomes.items())),
        samples=len(rows),
        modalities=dict(sorted(Counter(m for row in rows for m in row["modalities"]).items())),
        shards=shards,
        index_sha256=index,
        refusals_sha256=sha256(files[REFUSALS]) if REFUSALS in files else "",
        data_hash=data_hash(shards, index),
    ).sealed()
