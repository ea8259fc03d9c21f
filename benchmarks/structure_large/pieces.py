"""One fold: trained in resumable epochs, its predictions kept."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from comma_encoders.modalities.structure.config import PRESETS

from benchmarks.results_form import ROOT
from benchmarks.structure_accuracy import arrays, loop, rows
from benchmarks.structure_accuracy.models import Comma

CACHE = ROOT / "build" / "structure-large"
MAX_ATOMS = 8000
"""Of one forward and backward pass. The largest cells have 444 sites, a batch of 64 such 28,000; by the estimate of
comma_encoders' `memory.needed` this many atoms with 100 neighbours each take 0.6 GiB with the preset `base`."""
NAME = re.compile(r"(?P<preset>\w+)-(?P<epochs>\d+)-epochs-fold-(?P<fold>\d)")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained."""

    preset: str
    epochs: int
    fold: int
    """The test fold, and the seed."""

    @property
    def path(self) -> Path:
        """Where the piece stands once it is finished."""
        return CACHE / f"{self}.npz"

    @property
    def state(self) -> Path:
        """Where the training stands until then."""
        return CACHE / f"{self}-state.npz"

    def __str__(self) -> str:
        """Its name."""
        return f"{self.preset}-{self.epochs}-epochs-fold-{self.fold}"


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What a finished fold left; arrays are over its test rows, eV."""

    job: Job
    predicted: np.ndarray
    true: np.ndarray
    formulas: np.ndarray
    training_mean: float
    """eV."""
    training_rows: int
    parameters: int
    seconds_an_epoch: float
    seconds: float


def make(job: Job, data: Path, enough: Callable[[], bool]) -> None:
    """Train a fold from where it stands and keep its predictions.

    Raises:
        UnfinishedError: `enough` said so before the last epoch.
    """
    sizes: dict[str, int | None] = {"train": None, "validation": 0, "test": None}
    found = rows.load(data, max_sites=None, sizes=sizes, test_fold=job.fold)
    train, test = found["train"], found["test"]
    trained = loop.train(
        Comma(job.fold, **asdict(PRESETS[job.preset])),
        {"train": train, "test": test},
        loop.Settings(epochs=job.epochs, max_atoms=MAX_ATOMS),
        job.fold,
        str(job),
        keeping=loop.Keeping(path=job.state, enough=enough),
    )
    piece = Piece(
        job=job,
        predicted=np.clip(trained.predictions["test"], 0, None),
        true=test.gaps,
        formulas=np.array(test.formulas),
        training_mean=float(train.gaps.mean()),
        training_rows=len(train.gaps),
        parameters=trained.parameters,
        seconds_an_epoch=trained.seconds_an_epoch,
        seconds=trained.seconds,
    )
    arrays.write(job.path, {name: value for name, value in vars(piece).items() if name != "job"})
    job.state.unlink()


def read() -> Iterator[Piece]:
    """All pieces that are finished, by name."""
    for path in sorted(CACHE.glob("*.npz")):
        name = NAME.fullmatch(path.stem)
        if name is not None:
            job = Job(preset=name["preset"], epochs=int(name["epochs"]), fold=int(name["fold"]))
            found: dict[str, Any] = arrays.read(path)
            yield Piece(job=job, **{key: values if values.ndim else values.item() for key, values in found.items()})


def by_job(pieces: Sequence[Piece]) -> dict[str, list[Piece]]:
    """Preset and epochs -> their folds."""
    out: dict[str, list[Piece]] = {}
    for piece in pieces:
        out.setdefault(f"{piece.job.preset}, {piece.job.epochs} epochs", []).append(piece)
    return out
