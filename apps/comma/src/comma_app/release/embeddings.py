"""`comma release embeddings`: the vectors that a model gives to a data set, as a folder for others."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from comma_data.errors import StorageError
from comma_data.export.parquet import pyarrow
from comma_data.pool import Engine, Serial
from comma_data.shards import ShardSet
from comma_data.storage import ensure_folder, only_writer
from comma_encoders.card import name_of
from comma_encoders.folder import read_config, read_manifest
from comma_eval.run import split_of, weights

from comma_app.release.assembly import assemble, counted, describe
from comma_app.release.embeddings_card import Card
from comma_app.release.errors import ReleaseError
from comma_app.release.place import refuse_existing, unfinished
from comma_app.release.source import find
from comma_app.release.vectors import PACKAGES, Piece, Task, columns, died, embed

PIECES, WHOLE, LOCK = "pieces", "whole", "lock"
UNKNOWN = "unknown"

Progress = Callable[[str, int], None]
"""Called with what is being done and how many values that makes."""


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """What was written."""

    out: Path
    rows: Mapping[tuple[str, str], int]
    """(modality, part) -> rows."""
    refused: int
    files: Mapping[str, tuple[int, str]]
    """Path below `out` -> bytes and sha256."""


def release(  # noqa: PLR0913 - one option each
    given: Path,
    data: str,
    out: Path,
    *,
    engine: Engine = Serial(),  # noqa: B008 - frozen
    licence: str = UNKNOWN,
    name: str = "",
    progress: Progress = lambda _what, _done: None,
) -> Embeddings:
    """Write the vectors of every value of every modality that both have, as Parquet with a card and Croissant metadata.

    The work is cut as the data set is, a piece a shard. Pieces that an interrupted call finished are kept, and the same
    model and data give the same bytes whatever the engine, on processors of one kind.

    Args:
        given: a run folder, a model folder, or the name of a model of the package.
        data: folder or https address of a data set.
        out: the new folder; until it is whole everything lies in `.OUT.unfinished` beside it.
        engine: what the pieces are made on; all of its workers see the folders.
        licence: identifier of a licence, as Hugging Face lists them, for the card.
        name: of the set; made of those of model and data set if not given.
        progress: is told how far it is.

    Raises:
        ReleaseError: `out` is there, the run has not finished, or model and data have no modality in common.
        comma_eval.errors.UsageError: the model's folds are not those of the data set.
        comma_data.errors.DataError: the data set is damaged, pyarrow is missing, or the disk does not take a file.
        comma_encoders.errors.EncoderError: the model is damaged.
    """
    pyarrow()
    refuse_existing(out)
    model, shards = find(given).model, ShardSet(data)
    _check_shared(model, shards)
    split = split_of(shards, read_manifest(model).get("split", {}), None)
    place = unfinished(out)
    ensure_folder(place / PIECES)
    with only_writer(place / PIECES / LOCK):
        tasks = _tasks(model, shards, split.test_fold, place / PIECES)
        pieces = list(_counted(engine.map(embed, tasks, on_death=died, size=1), progress))
        _check_rows(pieces)
        parts = _Set(model=model, shards=shards, pieces=pieces, name=name, licence=licence)
        done = parts.write(place / WHOLE)
        _rename(place / WHOLE, out)
    shutil.rmtree(place, ignore_errors=True)
    return Embeddings(out=out, rows=done.rows, refused=done.refused, files=done.files)


def _check_shared(model: Path, shards: ShardSet) -> None:
    ours, theirs = read_config(model)["modalities"], shards.manifest.modalities
    if not set(ours) & set(theirs):
        raise ReleaseError(
            f"the model has {', '.join(ours)}, the data set {', '.join(theirs) or 'nothing'}: no modality in common"
        )


def _check_rows(pieces: Sequence[Piece]) -> None:
    if not any(counted(pieces).values()):
        refused = [one for piece in pieces for one in piece.refused]
        first = f": {refused[0]['id']}: {refused[0]['message']}" if refused else ""
        raise ReleaseError(f"nothing could be encoded; {len(refused)} values were refused{first}")


def _tasks(model: Path, shards: ShardSet, test_fold: int, pieces: Path) -> list[Task]:
    """A task a shard, in the order of the data set."""
    own, place = weights(read_manifest(model)), shards.path
    return [
        Task(
            shard=shard.name, shard_sha256=shard.sha256, model=model.resolve(), weights=own, test_fold=test_fold,
            data=str(place.resolve() if isinstance(place, Path) else place), out=pieces.resolve(),
        )
        for shard in shards.manifest.shards
    ]  # fmt: skip


def _counted(pieces: Iterator[Piece], progress: Progress) -> Iterator[Piece]:
    total = 0
    for piece in pieces:
        total += sum(piece.rows.values())
        progress("embedded", total)
        yield piece


@dataclass(frozen=True, kw_only=True)
class _Set:
    """What is put together."""

    model: Path
    shards: ShardSet
    pieces: Sequence[Piece]
    name: str
    licence: str

    def write(self, place: Path) -> Card:
        """Write the whole folder, and return what its card tells."""
        about = read_manifest(self.model)
        called, layout = name_of(self.model, about), columns(read_config(self.model)["dim"])
        shutil.rmtree(place, ignore_errors=True)
        refused = [dict(one) for piece in self.pieces for one in piece.refused]
        card = Card(
            name=self.name or f"{called}-{self.shards.manifest.name}", model=called, weights=weights(about),
            about=about, manifest=self.shards.manifest, columns=layout, rows=counted(self.pieces),
            files=assemble(self.pieces, place, layout), refused=len(refused), licence=self.licence,
            versions={package: version(package) for package in PACKAGES},
        )  # fmt: skip
        describe(card, refused, place)
        return card


def _rename(whole: Path, out: Path) -> None:
    try:
        whole.rename(out)
    except OSError as error:
        raise StorageError(f"{out}: cannot be made ({error.strerror}); the files are in {whole}") from error
