"""Band gaps of unseen formulas, by model, number of epochs and seed, in pieces that can be made one after the other.

Run in the root of the repository; a piece that stands in build/structure-accuracy is not made again, and one that was
stopped or killed goes on after its last whole epoch:

    COMMA_DATA=DIR python -m benchmarks.structure_accuracy [MODEL ...] [--seeds 0 1 2] [--epochs 30] [--minutes 40]

With `--minutes` the run ends at the end of the epoch in which they have passed, with exit code 4 where work is left.
Every model sees the same rows in the same order, with the same loop. Settings were chosen on the validation rows with
`--choose NAME=JSON`, which never touches the test rows and writes no result.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import denormals
from benchmarks.results_form import write_result
from benchmarks.structure_accuracy import loop, models, pieces, rows
from benchmarks.structure_accuracy.batches import Model
from benchmarks.structure_accuracy.figures import figures

SIZES: dict[str, int | None] = {"train": 8000, "validation": 2000, "test": 2000}
MAX_SITES = 40
SETTINGS = loop.Settings(epochs=pieces.EPOCHS)
MODELS: dict[str, tuple[Callable[..., Model], dict[str, Any]]] = {
    "COMMA": (models.Comma, {}),
    "CGCNN": (models.CGCNN, {}),
    "MEGNet": (models.MEGNet, {}),
    "M3GNet": (models.M3GNet, {}),
}
"""Name -> class and what differs from its defaults."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pieces asked for as far as time allows, then the result of all that are there."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(asked.threads)
    data = Path(os.environ["COMMA_DATA"])
    if asked.choose:
        _choose(data, asked.choose)
        return 0
    parts = rows.load(data, max_sites=MAX_SITES, sizes=SIZES)
    left = _train(asked, parts)
    found = list(pieces.read(rows.CACHE))
    path = write_result(
        "structure-accuracy",
        what=(
            f"Absolute error of the band gap (PBE, eV) of {SIZES['test']} structures of formulas that training never "
            f"saw; {SIZES['train']} training rows of at most {MAX_SITES} sites of the Matbench v0.1 task mp_gap, as "
            "many epochs as the label says, one loop for all models; intervals by bootstrap over formulas, the paired "
            "ones over the same formulas and seeds"
        ),
        command="COMMA_DATA=DIR python -m benchmarks.structure_accuracy",
        rows=list(figures(found, parts["test"].formulas)),
        seconds=float(sum(piece.seconds for piece in found)),
    )
    print(f"wrote {path}{left and f'; {left}: the same command goes on'}", file=sys.stderr)
    return 4 if left else 0


def _train(asked: argparse.Namespace, parts: dict[str, rows.Rows]) -> str:
    """Make what is missing; returns what was left undone, nothing where all is there."""
    end = time.monotonic() + 60 * asked.minutes

    def enough() -> bool:
        return time.monotonic() >= end

    for seed in asked.seeds:
        for name in asked.models or MODELS:
            try:
                _make(name, asked.epochs, seed, parts, enough)
            except loop.UnfinishedError as stopped:
                return str(stopped)
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"{', '.join(MODELS)}; all without one")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop at an epoch's end after so many")
    parser.add_argument("--choose", metavar="JSON", help="score one choice on the validation rows and write nothing")
    return parser


def _choose(data: Path, text: str) -> None:
    """Train one candidate and print its error on the validation rows."""
    spec: dict[str, Any] = json.loads(text)
    kind = getattr(models, spec.pop("kind", "Comma"))
    settings = loop.Settings(**spec.pop("settings", {}))
    parts = rows.load(data, max_sites=MAX_SITES, sizes={**SIZES, "test": 0})
    trained = loop.train(kind(0, **spec), {k: parts[k] for k in ("train", "validation")}, settings, 0, text)
    error = np.clip(trained.predictions["validation"], 0, None) - parts["validation"].gaps
    found = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    print(text, json.dumps(found | {"s/epoch": trained.seconds_an_epoch, "parameters": trained.parameters}), flush=True)


def _make(name: str, epochs: int, seed: int, parts: dict[str, rows.Rows], enough: Callable[[], bool]) -> None:
    """Train one model, or go on, and keep its errors on the test rows, where that has not been done.

    Raises:
        UnfinishedError: `enough` said so before the last epoch.
    """
    done = pieces.path_of(rows.CACHE, name, epochs, seed)
    if done.is_file():
        return
    make, changes = MODELS[name]
    state = done.with_name(f"{done.stem}-state.npz")
    keeping = loop.Keeping(path=state, enough=enough)
    trained = loop.train(
        make(seed, **changes), parts, replace(SETTINGS, epochs=epochs), seed, f"{name}, seed {seed}", keeping=keeping
    )  # fmt: skip
    pieces.Piece(
        model=name,
        epochs=epochs,
        seed=seed,
        errors=np.clip(trained.predictions["test"], 0, None) - parts["test"].gaps,
        seconds_an_epoch=trained.seconds_an_epoch,
        parameters=trained.parameters,
        seconds=trained.seconds,
    ).write(rows.CACHE)
    state.unlink()


if __name__ == "__main__":
    denormals.flush()
    sys.exit(main())
