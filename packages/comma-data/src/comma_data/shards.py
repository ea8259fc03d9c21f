"""A data set read by index: the bytes of each sample are found by offset and checked by crc32."""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, overload

import orjson

from comma_data.codec import decode, wanted
from comma_data.errors import ConfigError, ShardError
from comma_data.manifest import INDEX, Manifest, sha256
from comma_data.nearest import did_you_mean
from comma_data.reader import Reader, reader
from comma_data.sample import MODALITIES, Sample
from comma_data.split import FOLDS

BLOCK = 4 * 2**20
"""Bytes that `ShardSet.stream` reads at once."""

Member = tuple[str, int, int, int]
"""(extension, offset of the data in the shard, bytes, crc32)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What the index knows of a sample."""

    id: str
    shard: str
    formula: str
    """Reduced formula; `?` and the id where it is not known."""
    fold: int
    modalities: Mapping[str, int]
    """Modality -> number of values."""
    origins: tuple[str, ...]
    """`split.group_hash` of every DOI and paragraph among its texts."""
    members: tuple[Member, ...]
    """In the order of the shard."""
    group: str | None = None
    """What the fold was made of, where that is not the formula."""
    targets: Collection[str] = field(default=())
    """Names of its targets."""


class ShardSet(Sequence[Sample]):
    """The samples of a data set in their stored order.

    No sample is cached, so that a `ShardSet` can be sent to other processes and read from many at once.

    Args:
        path: The folder, or an https address below which the files are.

    Raises:
        ShardError: This is no finished data set, or its manifest or index was changed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path if "://" in str(path) else Path(path)
        self._reader: Reader = reader(path)
        self.manifest = Manifest.parse(self._reader, str(path))
        self.rows = _read_index(self._reader, str(path), self.manifest)
        """One `Row` per sample."""
        self._position = {row.id: i for i, row in enumerate(self.rows)}

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """The sample at a position, or the samples of a slice.

        Raises:
            ShardError: Its bytes are damaged: the message names shard and sample.
        """
        if isinstance(index, slice):
            return [self.read(i) for i in range(*index.indices(len(self)))]
        return self.read(index)

    def __iter__(self) -> Iterator[Sample]:
        """The samples in stored order."""
        return self.stream()

    def read(self, index: int, *, modalities: Collection[str] | None = None) -> Sample:
        """One sample, or only some modalities of it: of the others only what lies between these is read.

        Raises:
            ConfigError: A modality that no data set has.
            IndexError: There is no sample at this position.
            ShardError: Its bytes are damaged: the message names shard and sample.
        """
        self._check_modalities(modalities)
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.path}: no sample {index}: there are {len(self)}, from 0 to {len(self) - 1}")
        row = self.rows[index]
        members = [member for member in row.members if wanted(member[0], modalities)]
        start = members[0][1]
        data = self._reader.read(row.shard, start, members[-1][1] + members[-1][2] - start)
        return self._decoded(row, members, data, start, modalities)

    def stream(self, *, modalities: Collection[str] | None = None) -> Iterator[Sample]:
        """The samples in stored order, read in large pieces: for work that goes through everything once.

        Raises:
            ConfigError: A modality that no data set has.
            ShardError: A sample's bytes are damaged: the message names shard and sample.
        """
        self._check_modalities(modalities)
        for shard, rows in groupby(self.rows, key=lambda row: row.shard):
            for piece in _pieces(list(rows)):
                start, end = piece[0].members[0][1], _end(piece[-1])
                data = self._reader.read(shard, start, end - start)
                for row in piece:
                    members = [member for member in row.members if wanted(member[0], modalities)]
                    yield self._decoded(row, members, data, start, modalities)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids in stored order."""
        return tuple(self._position)

    @property
    def folds(self) -> dict[str, int]:
        """Id -> fold, as `Split.ids` takes it."""
        return {row.id: row.fold for row in self.rows}

    def position(self, sample_id: str) -> int:
        """Where a sample stands.

        Raises:
            ShardError: No such id; the message has the samples of that formula, or the nearest id.
        """
        if sample_id not in self._position:
            raise ShardError(f"{self.path}: no sample {sample_id!r} among {len(self)}{self._meant(sample_id)}")
        return self._position[sample_id]

    def _meant(self, name: str) -> str:
        of_formula = [row.id for row in self.rows if row.formula == name]
        if of_formula:
            return (
                f"; of the formula {name} there are {', '.join(of_formula[:8])}{', ...' if len(of_formula) > 8 else ''}"
            )
        return did_you_mean(name.lower(), self.ids) or f"; the first ids are {', '.join(self.ids[:8])}"

    def _check_modalities(self, modalities: Collection[str] | None) -> None:
        """Refuse a misspelt name; one that other data sets have is none."""
        if modalities is None:
            return
        known = sorted({*MODALITIES, *self.manifest.modalities})
        if unknown := [name for name in modalities if name not in known]:
            raise ConfigError(f"modality {unknown[0]!r}: give {', '.join(known)}{did_you_mean(unknown[0], known)}")

    def _decoded(
        self, row: Row, members: Sequence[Member], data: bytes, start: int, modalities: Collection[str] | None
    ) -> Sample:
        found: dict[str, bytes] = {}
        try:
            for name, at, size, crc in members:
                found[name] = part = data[at - start : at - start + size]
                if len(part) != size or zlib.crc32(part) != crc:
                    raise _damage(name, len(part), size)
            sample = decode(found, modalities=modalities)
        except ShardError as error:
            raise ShardError(f"{self.path}/{row.shard}, sample {row.id}: {error}") from error
        if sample.id != row.id:
            raise ShardError(f"{self.path}/{row.shard}, sample {row.id}: the bytes there are sample {sample.id}")
        return sample


def _pieces(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Neighbours that `BLOCK` bytes hold, or one that is larger."""
    piece: list[Row] = []
    for row in rows:
        if piece and _end(row) - piece[0].members[0][1] > BLOCK:
            yield piece
            piece = []
        piece.append(row)
    if piece:
        yield piece


def _end(row: Row) -> int:
    return row.members[-1][1] + row.members[-1][2]


def _damage(name: str, read: int, size: int) -> ShardError:
    if read != size:
        return ShardError(f"member {name} ends after {read} of {size} bytes: the shard is cut short")
    return ShardError(f"member {name} is damaged (crc32 differs from the index); build or copy the shard again")


def _read_index(files: Reader, place: str, manifest: Manifest) -> tuple[Row, ...]:
    data = files.read(INDEX)
    if sha256(data) != manifest.index_sha256:
        raise ShardError(f"{place}/{INDEX} is not the index that the manifest describes; build or copy the set again")
    sizes = {shard.name: shard.bytes for shard in manifest.shards}
    try:
        return tuple(_row(orjson.loads(line), sizes) for line in data.splitlines())
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ShardError(f"{place}/{INDEX} does not follow its schema ({error!r:.200})") from error


def _row(values: dict[str, Any], sizes: Mapping[str, int]) -> Row:
    """A row that points nowhere but into the shards of the manifest."""
    members = tuple((str(name), int(at), int(size), int(crc)) for name, at, size, crc in values["members"])
    largest = sizes[values["shard"]]
    last = 0
    for _, at, size, _ in members:
        if at < last or size < 0 or at + size > largest:
            raise ValueError(f"sample {values['id']}: a member outside of its shard")
        last = at + size
    if not members or values["fold"] not in range(FOLDS):
        raise ValueError(f"sample {values['id']}: no members, or no fold")
    return Row(**{**values, "members": members, "origins": tuple(values["origins"])})
