"""What a study consists of: pieces that are done one after the other, each finished or not there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from comma_app.study.config import Study, ordered
from comma_app.study.tasks import Asked, asked

Kind = Literal["train", "score", "map"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A training, the questions of one task to all models of a fold, or the vectors of a fold."""

    kind: Kind
    name: str
    """Of the model; of the task, with what it is asked with; of nothing."""
    fold: int

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.kind} {self.name}, fold {self.fold}" if self.name else f"{self.kind}, fold {self.fold}"


def pieces(study: Study) -> Iterator[Piece]:
    """All pieces in the order in which they are done: a fold is finished before the next is begun."""
    keys = list(questions(study))
    for fold in study.folds:
        for name in ordered(study.models):
            yield Piece(kind="train", name=name, fold=fold)
        for key in keys:
            yield Piece(kind="score", name=key, fold=fold)
        if study.map.modalities and any(model.scored for model in study.models.values()):
            yield Piece(kind="map", name="", fold=fold)


def questions(study: Study) -> dict[str, tuple[str, Asked]]:
    """Key, fit for a file's name -> name of the task and the task with its options."""
    found = {}
    for name, task in study.tasks.items():
        for one in asked(task.task, task.options, task.each):
            told = "".join(f",{quote(k, safe='')}={quote(v, safe='')}" for k, v in one.labels.items())
            found[f"{name}{told}"] = (name, one)
    return found


def score_file(folder: Path, piece: Piece) -> Path:
    """Rows and facts of a scored piece; it is written last, and the single answers lie beside it as Parquet."""
    return folder / "scores" / f"fold-{piece.fold}" / f"{piece.name}.json"


def items_file(folder: Path, piece: Piece) -> Path:
    """The single answers of a scored piece."""
    return folder / "scores" / f"fold-{piece.fold}" / f"{piece.name}.parquet"


def map_file(folder: Path, fold: int) -> Path:
    """Vectors of a fold."""
    return folder / "vectors" / f"fold-{fold}.npz"
