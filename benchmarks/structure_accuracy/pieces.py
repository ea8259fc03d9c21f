"""What one training left: the errors of one model, trained for so many epochs with one seed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.structure_accuracy import arrays

EPOCHS = 30
"""What the names of pieces leave out."""
NAME = re.compile(r"(?P<model>.+?)(-(?P<epochs>\d+)-epochs)?-seed-(?P<seed>\d+)")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A finished training."""

    model: str
    epochs: int
    seed: int
    errors: np.ndarray
    """(test rows,), eV, predicted less true."""
    seconds_an_epoch: float
    parameters: int
    seconds: float

    def write(self, folder: Path) -> None:
        """Keep it under its name."""
        arrays.write(
            path_of(folder, self.model, self.epochs, self.seed),
            {
                "errors": self.errors,
                "epoch": self.seconds_an_epoch,
                "parameters": self.parameters,
                "seconds": self.seconds,
            },
        )


def path_of(folder: Path, model: str, epochs: int, seed: int) -> Path:
    """Where a piece stands."""
    trained = "" if epochs == EPOCHS else f"-{epochs}-epochs"
    return folder / f"{model}{trained}-seed-{seed}.npz"


def read(folder: Path) -> Iterator[Piece]:
    """All pieces that are there, by name."""
    for path in sorted(folder.glob("*-seed-*.npz")):
        name = NAME.fullmatch(path.stem)
        if name is None:
            continue
        found = arrays.read(path)
        yield Piece(
            model=name["model"],
            epochs=int(name["epochs"] or EPOCHS),
            seed=int(name["seed"]),
            errors=found["errors"],
            seconds_an_epoch=float(found["epoch"]),
            parameters=int(found["parameters"]),
            seconds=float(found["seconds"]),
        )
