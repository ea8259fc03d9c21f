"""Pieces of a set of vectors -> its files by modality and part, card and metadata."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from comma_data.export.columns import Column
from comma_data.export.parquet import pyarrow, schema
from comma_data.manifest import file_sha256
from comma_data.split import PARTS
from comma_data.storage import complete_file, ensure_folder

from comma_app.release.embeddings_card import Card
from comma_app.release.vectors import Piece

REFUSALS = "refusals.jsonl"
FILE_ROWS = 500_000
"""Rows of a file, about; Hugging Face advises files below 500 MB."""

Pair = tuple[str, str]
"""(modality, part)."""


def counted(pieces: Sequence[Piece]) -> dict[Pair, int]:
    """Rows by modality and part, in the order of both."""
    counts: Counter[Pair] = Counter()
    for piece in pieces:
        counts.update({_pair(key): number for key, number in piece.rows.items()})
    return {pair: counts[pair] for pair in sorted(counts, key=lambda pair: (pair[0], PARTS.index(pair[1])))}


def assemble(pieces: Sequence[Piece], place: Path, columns: Sequence[Column]) -> dict[str, tuple[int, str]]:
    """Write `data/MODALITY/PART-*.parquet` below a folder.

    Returns:
        Path below the folder -> bytes and sha256.

    Raises:
        comma_data.errors.StorageError: the disk does not take a file.
    """
    layout = schema(columns)
    return dict(item for pair in counted(pieces) for item in _files(pair, pieces, place, layout))


def _pair(key: str) -> Pair:
    modality, _, part = key.rpartition("/")
    return modality, part


def _files(pair: Pair, pieces: Sequence[Piece], place: Path, layout: Any) -> Iterator[tuple[str, tuple[int, str]]]:
    """Write the files of a modality and part, each of whole pieces; path below the folder, bytes and sha256."""
    modality, part = pair
    groups = _grouped(pair, pieces)
    ensure_folder(place / "data" / modality)
    for number, group in enumerate(groups):
        path = place / "data" / modality / f"{part}-{number:05d}-of-{len(groups):05d}.parquet"
        _write(path, group, modality, part, layout)
        yield path.relative_to(place).as_posix(), (path.stat().st_size, file_sha256(path))


def _grouped(pair: Pair, pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces that have such rows, those of one file together."""
    groups: list[list[Piece]] = []
    held = FILE_ROWS
    for piece in pieces:
        rows = piece.rows.get("/".join(pair), 0)
        if rows and held + rows > FILE_ROWS:
            groups.append([])
            held = 0
        if rows:
            groups[-1].append(piece)
            held += rows
    return groups


def _write(path: Path, pieces: Sequence[Piece], modality: str, part: str, layout: Any) -> None:
    """One file, a row group a piece."""
    pa = pyarrow()
    chosen = [("modality", "==", modality), ("part", "==", part)]
    with (
        complete_file(path) as file,
        pa.parquet.ParquetWriter(file, layout, compression="zstd", use_dictionary=False) as writer,
    ):
        for piece in pieces:
            table = pa.parquet.read_table(piece.path, filters=chosen, use_threads=False)
            writer.write_table(table.cast(layout).combine_chunks())


def describe(card: Card, refused: Sequence[Mapping[str, Any]], place: Path) -> None:
    """Card, metadata, and the values that were refused."""
    ensure_folder(place)
    texts = {
        "README.md": card.text(),
        "croissant.json": json.dumps(card.croissant(), indent=1, ensure_ascii=False) + "\n",
        REFUSALS: "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in refused),
    }
    for file_name, text in texts.items():
        if text:
            with complete_file(place / file_name) as file:
                file.write(text.encode())
