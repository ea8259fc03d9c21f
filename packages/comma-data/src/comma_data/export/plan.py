"""Which sample goes into which file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from comma_data.shards import Row
from comma_data.split import PARTS, Split

FILE_BYTES = 400 * 2**20
"""Raw bytes of the samples in one file; compressed it is smaller. Hugging Face advises files below 500 MB."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One Parquet file."""

    part: str
    """`train`, `validation` or `test`."""
    name: str
    """Below the folder `data`."""
    positions: tuple[int, ...]
    """Its samples, by their position in the data set."""


def plan(rows: Sequence[Row], split: Split, *, file_bytes: int = FILE_BYTES) -> tuple[File, ...]:
    """Files of all parts that have samples; a file is closed where the next sample would exceed `file_bytes`."""
    files = []
    for part in PARTS:
        chunks = _chunks([i for i, row in enumerate(rows) if split.part(row.fold) == part], rows, file_bytes)
        for number, chunk in enumerate(chunks):
            name = f"{part}-{number:05d}-of-{len(chunks):05d}.parquet"
            files.append(File(part=part, name=name, positions=tuple(chunk)))
    return tuple(files)


def held_out(rows: Sequence[Row], split: Split) -> Mapping[str, frozenset[str]]:
    """Part -> hashes of the DOIs and paragraphs that must not be told there.

    Train avoids what validation and test tell, validation what test tells.
    """
    known = {part: {h for r in rows if split.part(r.fold) == part for h in r.origins} for part in PARTS}
    return {
        "train": frozenset(known["validation"] | known["test"]),
        "validation": frozenset(known["test"]),
        "test": frozenset(),
    }


def raw_bytes(row: Row) -> int:
    """Bytes of a sample in its shard."""
    return sum(size for _, _, size, _ in row.members)


def _chunks(positions: Sequence[int], rows: Sequence[Row], file_bytes: int) -> list[list[int]]:
    chunks: list[list[int]] = []
    held = file_bytes
    for position in positions:
        size = raw_bytes(rows[position])
        if not chunks or held + size > file_bytes:
            chunks.append([])
            held = 0
        chunks[-1].append(position)
        held += size
    return chunks
