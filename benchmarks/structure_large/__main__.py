"""The structure encoder trained on all of the large set, fold by fold, in pieces that go on where they were stopped.

Run in the root of the repository; a fold that stands in build/structure-large is not made again, and one that was
stopped or killed goes on after its last whole epoch:

    COMMA_DATA=DIR python -m benchmarks.structure_large [--folds 0 1 ..] [--preset small] [--epochs 12] [--minutes 40]

Of fold k, training sees the formulas that are neither in the test fold k nor in the validation fold k + 1. The result
is written from the folds that are finished. With `--minutes` the run ends at the end of the epoch in which they have
passed, with exit code 4 where work is left: the same command goes on.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from comma_data.split import FOLDS
from comma_encoders.modalities.structure.config import PRESETS

from benchmarks.results_form import RESULTS, write_result
from benchmarks.structure_accuracy.loop import UnfinishedError
from benchmarks.structure_large import pieces
from benchmarks.structure_large.figures import figures

NAME = "structure-large"
DONE, RESUMABLE = 0, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the folds asked for as far as time allows, then write the result of all that are finished."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(asked.threads)
    left = _train(asked, Path(os.environ["COMMA_DATA"]))
    found = list(pieces.read())
    if found:
        _write(found)
    if left:
        print(f"{left}; the same command goes on", file=sys.stderr)
    return RESUMABLE if left else DONE


def _train(asked: argparse.Namespace, data: Path) -> str:
    """Make what is missing; returns what was left undone, nothing where all is there."""
    end = time.monotonic() + 60 * asked.minutes

    def enough() -> bool:
        return time.monotonic() >= end

    jobs = [pieces.Job(preset=asked.preset, epochs=asked.epochs, fold=fold) for fold in asked.folds]
    missing = [job for job in jobs if not job.path.is_file()]
    for i, job in enumerate(missing):
        if i and enough():  # the first one is always worked at, however few the minutes
            return f"{len(missing) - i} folds are left"
        try:
            pieces.make(job, data, enough)
        except UnfinishedError as stopped:
            return str(stopped)
    return ""


def _write(found: Sequence[pieces.Piece]) -> None:
    folds = ", ".join(f"{key}: {len(of)} of {FOLDS} folds finished" for key, of in pieces.by_job(found).items())
    path = write_result(
        NAME,
        what=(
            "Band gaps (PBE, eV) of all structures of the test folds, of formulas that training never saw, by the "
            "structure encoder trained on the rows of the Matbench v0.1 task mp_gap that are in neither the test nor "
            f"the validation fold, cells of any size; {folds}; intervals by bootstrap over formulas; beside the mean "
            "of the training rows, and for scale published figures of the whole task, split at random, which had more "
            "training rows"
        ),
        command=f"COMMA_DATA=DIR python -m benchmarks.{NAME.replace('-', '_')}",
        rows=list(figures(found)),
        seconds=sum(piece.seconds for piece in found),
        folder=RESULTS,
    )
    print(f"wrote {path}: {folds}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", nargs="+", type=int, choices=range(FOLDS), default=list(range(FOLDS)))
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop at an epoch's end after so many")
    return parser


if __name__ == "__main__":
    sys.exit(main())
