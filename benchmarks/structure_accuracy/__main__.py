"""Band gaps of unseen formulas, by model and seed, in pieces that can be made one after the other.

Run in the root of the repository; a piece that stands in build/structure-accuracy is not made again:

    COMMA_DATA=DIR python -m benchmarks.structure_accuracy [MODEL ...] [--seeds 0 1 2]

Every model sees the same rows in the same order, with the same loop. Settings were chosen on the validation rows with
`--choose NAME=JSON`, which never touches the test rows and writes no result.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.results_form import row, write_result
from benchmarks.structure_accuracy import loop, models, rows

SIZES: dict[str, int | None] = {"train": 8000, "validation": 2000, "test": 2000}
MAX_SITES = 40
SETTINGS = loop.Settings()
MODELS: dict[str, tuple[Callable[..., loop.Model], dict[str, Any]]] = {
    "COMMA": (models.Comma, {}),
    "CGCNN": (models.CGCNN, {}),
    "MEGNet": (models.MEGNet, {}),
    "M3GNet": (models.M3GNet, {}),
}
"""Name -> class and what differs from its defaults."""
RIVAL = "CGCNN"
DRAWS = 2000


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the pieces asked for, then the result of all that are there."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(asked.threads)
    data = Path(os.environ["COMMA_DATA"])
    if asked.choose:
        _choose(data, asked.choose)
        return
    parts = rows.load(data, max_sites=MAX_SITES, sizes=SIZES)
    for seed in asked.seeds:
        for name in asked.models or MODELS:
            _piece(name, seed, parts)
    found = {path.stem: dict(np.load(path)) for path in sorted(rows.CACHE.glob("*-seed-*.npz"))}
    path = write_result(
        "structure-accuracy",
        what=(
            f"Absolute error of the band gap (PBE, eV) of {SIZES['test']} structures of formulas that training never "
            f"saw; {SIZES['train']} training rows of at most {MAX_SITES} sites of the Matbench v0.1 task mp_gap, "
            f"{SETTINGS.epochs} epochs, one loop for all models; intervals by bootstrap over formulas, the paired ones "
            "over the same formulas and seeds"
        ),
        command="COMMA_DATA=DIR python -m benchmarks.structure_accuracy",
        rows=list(_figures(found, parts["test"].formulas)),
        seconds=float(sum(piece["seconds"] for piece in found.values())),
    )
    print(f"wrote {path}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"{', '.join(MODELS)}; all without one")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
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
    figures = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    print(
        text, json.dumps(figures | {"s/epoch": trained.seconds_an_epoch, "parameters": trained.parameters}), flush=True
    )


def _piece(name: str, seed: int, parts: dict[str, rows.Rows]) -> None:
    path = rows.CACHE / f"{name}-seed-{seed}.npz"
    if path.is_file():
        return
    make, changes = MODELS[name]
    start = time.perf_counter()
    trained = loop.train(make(seed, **changes), parts, SETTINGS, seed, f"{name}, seed {seed}")
    np.savez(
        path,
        errors=np.clip(trained.predictions["test"], 0, None) - parts["test"].gaps,
        epoch=trained.seconds_an_epoch,
        parameters=trained.parameters,
        seconds=time.perf_counter() - start,
    )


def _figures(found: dict[str, dict[str, np.ndarray]], formulas: Sequence[str]) -> Iterator[dict[str, Any]]:
    """MAE and RMSE of each model over its seeds, and its ratio to the rival's on the seeds that both have."""
    seeds = {name: [p for key, p in sorted(found.items()) if key.startswith(f"{name}-seed-")] for name in MODELS}
    weights = _draws(formulas)
    for name, pieces in seeds.items():
        if not pieces:
            continue
        errors = np.stack([piece["errors"] for piece in pieces])
        labels: dict[str, Any] = {"model": name, "seeds": len(pieces), "parameters": int(pieces[0]["parameters"])}
        absolute = np.abs(errors).mean(axis=0)
        low, high = _interval(absolute, weights)
        yield row("MAE, eV", float(absolute.mean()), n=len(absolute), low=low, high=high, **labels)
        yield row("RMSE, eV", float(np.sqrt((errors**2).mean(axis=1)).mean()), n=len(absolute), **labels)
        yield row("seconds an epoch", float(np.median([piece["epoch"] for piece in pieces])), n=len(pieces), **labels)
        others = seeds[RIVAL][: len(pieces)]
        if name != RIVAL and others:
            theirs = np.abs(np.stack([piece["errors"] for piece in others])).mean(axis=0)
            ours = np.abs(errors[: len(others)]).mean(axis=0)
            low, high = _ratio_interval(ours, theirs, weights)
            value = float(ours.mean() / theirs.mean())
            yield row(f"MAE / {RIVAL}'s", value, n=len(ours), low=low, high=high, **labels)


def _draws(formulas: Sequence[str]) -> np.ndarray:
    """How often each row counts in each draw of formulas, (draws, rows)."""
    _, owner = np.unique(formulas, return_inverse=True)
    count = owner.max() + 1
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    return drawn[:, owner]


def _interval(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    means = weights @ values / weights.sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _ratio_interval(ours: np.ndarray, theirs: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile((weights @ ours) / (weights @ theirs), [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
