"""comma-small: score a run on its test fold, and release its model with these figures into the package.

Run in the root of the repository, after `comma data build crystals-and-protocols` and `comma align run comma-small`:

    python -m benchmarks.comma_small runs/comma-small data/crystals-and-protocols

With `--part validation`, for choices, the figures are printed, and nothing is written or released.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from comma_app.release.model import Stated, release
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Split
from comma_encoders.folder import load, read_manifest
from comma_encoders.model import AlignedModel
from comma_eval.run import Asked, evaluate
from comma_eval.run import weights as weights_of
from comma_eval.runs import model_folder
from comma_eval.task import Report
from comma_eval.tasks.synthesis import Synthesis
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from benchmarks.results_form import ROOT, row, write_result

PACKAGED = ROOT / "packages" / "comma-encoders" / "src" / "comma_encoders" / "pretrained" / "comma-small"
TARGET = "band_gap_pbe"
MAX_SITES = 60
TRAIN = 8000
"""Crystals that ridge learns from; it is asked about all of the other part."""
DRAWS = 1000
METRICS = ("MAE, eV", "R@1")
"""Those of the card."""
STATED = Stated(
    name="comma-small",
    description=(
        "Structures, protocols and compositions in one space of 128 dimensions: small enough to be part of the "
        "package. Trained on the training folds of structures of the Materials Project and text-mined recipes."
    ),
    licence="Apache-2.0",
    command="comma data build crystals-and-protocols --root DIR; comma align run comma-small",
    limits=(
        "Trained for minutes on two cores: a start, and a test of the way there, no foundation model.",
        "Protocols are text-mined recipes joined by formula: polymorphs cannot be told apart by them.",
    ),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Score, write the result, and put the model into the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("data", type=Path, help="data set that it was trained on")
    parser.add_argument("--part", choices=("test", "validation"), default="test", help="validation for choices")
    asked = parser.parse_args(arguments)
    start = time.monotonic()
    folder = model_folder(asked.run)
    model = load(folder)
    rows = [*_probes(model, asked.data, asked.part)]
    for view in ("precursors", "masked"):
        rows += _retrieval(evaluate(Synthesis(view=view), folder, asked.data, Asked(part=asked.part), _say), view)
    if asked.part != "test":
        print(*rows, sep="\n")
        return
    path = write_result(
        "comma-small",
        what=(
            "comma-small on the fold of its data set that it was trained without: ridge on frozen vectors for the "
            f"band gap ({TRAIN} training structures, all of the fold, of at most {MAX_SITES} sites), and retrieval "
            "between structures and protocols; intervals by bootstrap over formulas"
        ),
        command="python -m benchmarks.comma_small runs/comma-small data/crystals-and-protocols",
        rows=rows,
        seconds=time.monotonic() - start,
        weights={"comma-small": weights_of(read_manifest(folder))},
    )
    _say(f"wrote {path}")
    _say(f"released into the package, {released(asked.run, path) / 1e6:.1f} MB")


def _retrieval(report: Report, view: str) -> list[dict[str, Any]]:
    found = [row(r.metric, r.value, n=r.n, low=r.low, high=r.high, **{**r.labels, "view": view}) for r in report.rows]
    return [{"task": "synthesis", **figure} for figure in found]


def _drawn(data: ShardSet, part: str, count: int | None) -> list[Sample]:
    """So many computed crystals of a part that have the target, or all of them, in an order of their own."""
    split = Split(test_fold=0)
    ours = [
        i for i, entry in enumerate(data.rows) if split.part(entry.fold) == part and "structure" in entry.modalities
    ]
    out: list[Sample] = []
    for i in np.random.default_rng(0).permutation(ours):
        sample = data.read(int(i), modalities={"structure", "composition"})
        usable = TARGET in sample.targets and len(sample.fields["structure"][0]["numbers"]) <= MAX_SITES
        if usable and sample.fields.get("composition"):
            out.append(sample)
        if len(out) == count:
            break
    return out


def _probes(model: AlignedModel, folder: Path, part: str) -> Iterator[dict[str, Any]]:
    """Absolute error of ridge on the vectors of each modality, and their paired difference."""
    data = ShardSet(folder)
    train, test = _drawn(data, "train", TRAIN), _drawn(data, part, None)
    wanted, truth = (np.array([float(s.targets[TARGET]) for s in part]) for part in (train, test))
    _, owner = np.unique([s.groups["formula"] for s in test], return_inverse=True)
    count = owner.max() + 1
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=DRAWS)[:, owner]
    errors = {"mean": np.abs(truth - wanted.mean())}
    for name in ("structure", "composition"):
        vectors, unseen = (
            model.encode(name, [s.fields[name][0] for s in part], output="numpy") for part in (train, test)
        )
        scaler = StandardScaler().fit(vectors)
        ridge = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(scaler.transform(vectors), wanted)
        errors[name] = np.abs(np.clip(ridge.predict(scaler.transform(unseen)), 0, None) - truth)
    for name, error in errors.items():
        low, high = np.percentile(weights @ error / weights.sum(axis=1), [2.5, 97.5])
        labels: dict[str, Any] = {"task": "band gap", "model": f"ridge on {name} vectors" if name != "mean" else "mean"}
        yield row("MAE, eV", float(error.mean()), n=len(error), low=float(low), high=float(high), **labels)
    gain = errors["structure"] - errors["composition"]
    low, high = np.percentile(weights @ gain / weights.sum(axis=1), [2.5, 97.5])
    labels = {"task": "band gap", "model": "structure minus composition"}
    yield row("MAE, eV", float(gain.mean()), n=len(gain), low=float(low), high=float(high), **labels)


def released(run: Path, result: Path) -> int:
    """Put the model of a run into the package as `comma release model` does, in place of the one there; its bytes."""
    with tempfile.TemporaryDirectory() as made:
        done = release(run, Path(made) / "comma-small", results=[result], metrics=METRICS, stated=STATED)
        shutil.rmtree(PACKAGED, ignore_errors=True)
        shutil.copytree(done.out, PACKAGED)
    return done.bytes


def _say(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    main()
