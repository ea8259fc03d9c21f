"""Vectors of one shard of a data set: what a worker does, and what it leaves."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from comma_data.export.columns import Column, Vector
from comma_data.export.parquet import write
from comma_data.export.rows import Row
from comma_data.journal import keep, kept
from comma_data.manifest import file_sha256
from comma_data.protocol import told
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Split, group_hash, group_of
from comma_encoders.folder import load, read_manifest
from comma_encoders.model import AlignedModel

from comma_app.release.errors import ReleaseError

FORM = 2
"""Raised when the rows of a piece change."""
PACKAGES = ("comma-data", "comma-encoders", "numpy", "pyarrow", "torch")
"""What the bytes of a piece depend on beside model and data."""
TOLD = ("origin", "joined_by", "source", "key", "doi")
"""What a row says of its value's provenance; nothing else of it is copied, for it may hold what a licence forbids."""


def columns(dim: int) -> tuple[Column, ...]:
    """The columns of a table of vectors of this dimension."""
    return (
        Column(name="id", type="string", about="Id of the sample in the data set, e.g. `mp-1000`."),
        Column(name="modality", type="string", about="What the vector is of."),
        Column(name="value", type="int32", about="Which of the sample's values of this modality, from 0."),
        Column(name="formula", type="string", about="Reduced formula; `?` and the id where it is not known."),
        Column(name="fold", type="int8", about="Fold of the data set, 0 to 4."),
        Column(name="part", type="string", about="`train`, `validation` or `test`: of the model's own split."),
        Column(
            name="seen", type="bool", about="Whether the model's training saw the group; null where it does not say."
        ),
        Column(name="origin", type="string", about="How the value came to be: measured, computed, text-mined, ..."),
        Column(name="joined_by", type="string", about="How it came to this sample: entry, formula, doi, ..."),
        Column(name="source", type="string", about="Source of the data set that it was read from."),
        Column(name="key", type="string", about="Its name there."),
        Column(name="doi", type="string", about="DOI of the source, where it is known."),
        Column(name="vector", type=Vector(length=dim), about="Unit vector; a cosine is a dot product."),
    )


@dataclass(frozen=True, kw_only=True)
class Task:
    """A shard to embed; what the data set and the model are is told by their hashes."""

    shard: str
    shard_sha256: str
    data: str
    model: Path
    weights: str
    test_fold: int
    out: Path
    """Folder of the pieces."""

    @property
    def piece(self) -> Path:
        """The file that is written."""
        return self.out / f"{self.shard.removesuffix('.tar')}.parquet"

    @property
    def identity(self) -> str:
        """Equal identities give equal bytes, on processors of one kind."""
        versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
        told = f"{FORM} {self.shard_sha256} {self.weights} {self.test_fold} {versions}"
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The vectors of a shard."""

    path: Path
    rows: Mapping[str, int]
    """`modality/part` -> number of rows."""
    refused: Sequence[Mapping[str, Any]]
    """Values that could not be encoded: id, modality, value, message."""


def embed(task: Task) -> Piece:
    """Write the vectors of a shard, complete or not at all; a piece that an interrupted command finished is kept.

    Raises:
        comma_data.errors.DataError: the shard is damaged, or the disk does not take the file.
        comma_encoders.errors.EncoderError: the model is damaged or lacks a dependency.
    """
    note = task.piece.with_suffix(".json")
    made = kept(note, task.piece, task.identity)
    if made is None:
        made = _written(task)
        keep(note, file_sha256(task.piece), task.identity, made)
    return Piece(path=task.piece, rows=made["rows"], refused=made["refused"])


def died(task: Task) -> Piece:
    """What stands for a shard whose worker died.

    Raises:
        ReleaseError: always.
    """
    raise ReleaseError(f"the process that embedded {task.shard} died; is there enough memory? The same command goes on")


def _written(task: Task) -> dict[str, Any]:
    data, model = _data(task.data), _model(task.model, task.weights)
    positions = [i for i, row in enumerate(data.rows) if row.shard == task.shard]
    samples = [data.read(i, modalities=set(model.configs)) for i in positions]
    seen = _seen(task.model, task.weights)
    split = Split(test_fold=task.test_fold)
    counts: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    rows = list(_rows(model, samples, split, seen, refused))
    counts.update(f"{row['modality']}/{row['part']}" for row in rows)
    write(((row, 4 * model.dim) for row in rows), task.piece, columns(model.dim))
    return {"rows": dict(sorted(counts.items())), "refused": refused}


def _rows(
    model: AlignedModel,
    samples: Sequence[Sample],
    split: Split,
    seen: frozenset[str] | None,
    refused: list[dict[str, Any]],
) -> Iterator[Row]:
    """Every value of every modality, modality by modality; what cannot be encoded is noted in `refused`."""
    for modality in model.configs:
        places = [(sample, i) for sample in samples for i in range(len(sample.fields.get(modality, ())))]
        found = _encoded(model, modality, [_value(sample, modality, i) for sample, i in places])
        for (sample, i), vector in zip(places, found, strict=True):
            if isinstance(vector, str):
                refused.append({"id": sample.id, "modality": modality, "value": i, "message": vector})
            else:
                yield _row(sample, modality, i, split, seen) | {"vector": vector}


def _value(sample: Sample, modality: str, i: int) -> Any:
    """As models are trained and scored: a text without the name of its target, which would tell what it is."""
    return told(sample, i, "precursors") if modality == "text" else sample.fields[modality][i]


def _row(sample: Sample, modality: str, i: int, split: Split, seen: frozenset[str] | None) -> Row:
    """Everything but the vector."""
    provenance = sample.provenance.get(modality, ())
    about = provenance[i] if i < len(provenance) else {}
    return {
        "id": sample.id,
        "modality": modality,
        "value": i,
        "formula": sample.groups["formula"],
        "fold": int(sample.groups["fold"]),
        "part": split.part(sample.groups["fold"]),
        "seen": None if seen is None else group_hash(group_of(sample)) in seen,
        **{name: about.get(name) for name in TOLD},
    }


def _encoded(model: AlignedModel, modality: str, values: Sequence[Any]) -> list[Any]:
    """The vector of each value, or the message of its refusal; equal texts and compositions are encoded once."""
    first: dict[Any, int] = {}
    owner = [first.setdefault(_key(value, i), len(first)) for i, value in enumerate(values)]
    places = dict(zip(reversed(owner), reversed(range(len(owner))), strict=True))
    distinct = [values[places[k]] for k in range(len(first))]
    with one_thread():
        encoded = model.encode_all(modality, distinct, progress=False)
    found: dict[int, Any] = {place: str(error) for place, error in encoded.refused.items()}
    found |= dict(zip(encoded.places.tolist(), encoded.z.numpy(), strict=True))
    return [found[k] for k in owner]


def _key(value: Any, place: int) -> Any:
    """Equal for equal values where that is cheap to tell."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, Mapping) and all(isinstance(amount, float) for amount in value.values()):
        return tuple(value.items())
    return place


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that sums do not depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _data(place: str) -> ShardSet:
    return ShardSet(place)


@lru_cache(maxsize=1)
def _model(folder: Path, _weights: str) -> AlignedModel:
    """Once a process; the weights tell two models of one folder apart."""
    return load(folder)


@lru_cache(maxsize=1)
def _seen(folder: Path, _weights: str) -> frozenset[str] | None:
    seen = read_manifest(folder).get("groups_seen")
    return None if seen is None else frozenset(seen)
