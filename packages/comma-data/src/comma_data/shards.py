"""A data set on disk, read by index: the bytes of each sample are found by offset and checked by crc32."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, overload

from comma_data.codec import decode
from comma_data.errors import ShardError
from comma_data.manifest import INDEX, Manifest, sha256
from comma_data.sample import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What the index knows of a sample."""

    id: str
    shard: str
    formula: str
    """Reduced formula."""
    fold: int
    modalities: Mapping[str, int]
    """Modality -> number of values."""
    origins: tuple[str, ...]
    """`split.group_hash` of every DOI and paragraph among its texts."""
    members: tuple[tuple[str, int, int, int], ...]
    """(extension, offset of the data in the shard, bytes, crc32)."""


class ShardSet(Sequence[Sample]):
    """The samples of a data set in their stored order.

    Nothing is kept open and nothing is cached, so a `ShardSet` can be pickled and read from many processes at once.

    Args:
        path: The folder.

    Raises:
        ShardError: The folder is no finished data set, or its manifest or index was changed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.manifest = Manifest.read(self.path)
        self.rows = _read_index(self.path, self.manifest)
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
            return [read_sample(self.path, row) for row in self.rows[index]]
        return read_sample(self.path, self.rows[index])

    def __iter__(self) -> Iterator[Sample]:
        """The samples in stored order."""
        return (read_sample(self.path, row) for row in self.rows)

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
            ShardError: No such id.
        """
        if sample_id not in self._position:
            raise ShardError(f"{self.path}: no sample {sample_id!r} among {len(self)}; `comma data show` lists some")
        return self._position[sample_id]


def read_sample(folder: Path, row: Row) -> Sample:
    """Read one sample by its index row.

    Raises:
        ShardError: The shard is missing or short, a crc32 differs, or the content is not a sample.
    """
    try:
        sample = decode(_read_members(folder / row.shard, row))
    except ShardError as error:
        raise ShardError(f"{folder / row.shard}, sample {row.id}: {error}") from error
    if sample.id != row.id:
        raise ShardError(f"{folder / row.shard}, sample {row.id}: the bytes there are sample {sample.id}")
    return sample


def _read_members(shard: Path, row: Row) -> dict[str, bytes]:
    try:
        with shard.open("rb") as file:
            return {name: _checked(file, name, offset, size, crc) for name, offset, size, crc in row.members}
    except OSError as error:
        raise ShardError(f"cannot be read ({error.strerror}); build the data set again") from error


def _checked(file: BinaryIO, name: str, offset: int, size: int, crc: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise ShardError(f"member {name} ends after {len(data)} of {size} bytes: the shard is cut short")
    if zlib.crc32(data) != crc:
        raise ShardError(f"member {name} is damaged (crc32 differs from the index); build or copy the shard again")
    return data


def _read_index(folder: Path, manifest: Manifest) -> tuple[Row, ...]:
    path = folder / INDEX
    data = path.read_bytes() if path.is_file() else b""
    if sha256(data) != manifest.index_sha256:
        raise ShardError(f"{path} is not the index that the manifest describes; build or copy the data set again")
    return tuple(_row(json.loads(line)) for line in data.splitlines())


def _row(values: dict[str, Any]) -> Row:
    members = tuple((name, offset, size, crc) for name, offset, size, crc in values["members"])
    return Row(**{**values, "origins": tuple(values["origins"]), "members": members})
