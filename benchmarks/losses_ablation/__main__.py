"""Every objective on the same frozen features, five folds: recall, collapse, and what the literal loss does.

Run in the root of the repository, after `comma data build materials-project --root DIR`:

    python -m benchmarks.losses_ablation data/materials-project
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comma_align.config import Objective
from comma_data.split import FOLDS
from comma_eval.metrics import mean_interval

from benchmarks.losses_ablation.features import features, parts
from benchmarks.losses_ablation.training import Trained, Variant, train
from benchmarks.results_form import row, write_result

CHAIN = ("chain:structure-text-xrd",)
VARIANTS: Mapping[str, Variant] = {
    "infonce, all pairs": Variant(),
    "infonce, chain": Variant(objective=Objective(pairs=CHAIN)),
    "infonce, star": Variant(objective=Objective(pairs=("star:structure",))),
    "infonce, fixed temperature": Variant(objective=Objective(learn_temperature=False)),
    "infonce, one head for all": Variant(shared_head=True),
    "infonce, 31 negatives": Variant(objective=Objective(negatives=31)),
    "clip, all pairs": Variant(objective=Objective(kind="clip")),
    "sigmoid, all pairs": Variant(objective=Objective(kind="sigmoid")),
    "max_margin, all pairs": Variant(objective=Objective(kind="max_margin")),
    "no_negatives, all pairs": Variant(objective=Objective(kind="no_negatives")),
    "cmc, chain": Variant(objective=Objective(kind="cmc", pairs=CHAIN)),
    "cmc_literal, chain": Variant(objective=Objective(kind="cmc_literal", pairs=CHAIN)),
    "cmc_literal, chain, third term x 5": Variant(
        objective=Objective(kind="cmc_literal", pairs=CHAIN, pair_weights={"structure-xrd": 5.0})
    ),
}
"""What is compared; nothing was tuned for any of them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="data set with structures and protocols")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    start = time.monotonic()
    of = features(asked.data)
    rows: list[dict[str, Any]] = []
    for name, variant in VARIANTS.items():
        found = [train(of, parts(of, fold), variant, seed=fold) for fold in range(FOLDS)]
        rows += _rows(name, found)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    path = write_result(
        "losses-ablation",
        what=(
            "Projection heads trained under each objective on frozen, untrained features (structures: element "
            "statistics and distances; protocols: hashed words of the view `precursors`; simulated patterns) of the "
            "materials with a protocol: recall at 1 on the test fold, all five pooled, intervals by bootstrap over "
            "formulas; and the mean over folds of signs of collapse. The chain has no term of its own between "
            "structures and patterns but the mismatch term"
        ),
        command="python -m benchmarks.losses_ablation data/materials-project",
        rows=rows,
        seconds=time.monotonic() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def _rows(name: str, found: Sequence[Trained]) -> Iterator[dict[str, Any]]:
    for direction in found[0].hits:
        hits = np.concatenate([one.hits[direction] for one in found])
        formulas = [formula for one in found for formula in one.queries[direction]]
        of = mean_interval(hits, formulas)
        labels: dict[str, Any] = {"objective": name, "direction": direction}
        yield row("R@1", of.value, n=of.n, low=of.low, high=of.high, **labels)
        yield row("R@1 by chance", float(np.mean([one.chance[direction] for one in found])), n=len(found), **labels)
    for metric, values in {
        "cosine of mismatched structures and patterns": [one.mismatched for one in found],
        "cosine of matched structures and patterns": [one.matched for one in found],
        "effective rank of structures": [one.rank for one in found],
        "squared distance of structures and their protocols": [one.distance for one in found],
    }.items():
        yield row(metric, float(np.mean(values)), n=len(found), low=min(values), high=max(values), objective=name)


if __name__ == "__main__":
    main()
