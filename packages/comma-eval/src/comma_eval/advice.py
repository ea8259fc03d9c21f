"""From a file with a crystal to a list of protocols: what `comma eval recommend --structure` tells."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_data.protocol import with_view
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Split
from comma_encoders.folder import load, read_manifest
from comma_encoders.modality import get

from comma_eval.embedding import EmbeddingScorer
from comma_eval.recommending import Recommendation, Recommended, recommend
from comma_eval.report import Grid
from comma_eval.run import split_of
from comma_eval.runs import data_folder


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for beside the structure."""

    view: str = "precursors"
    """How the protocols are told to the model."""
    count: int = 10
    everything: bool = False
    """From all folds; otherwise from the training folds."""
    test_fold: int | None = None
    """As of an evaluation; None takes that of the model, or 0."""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Protocols for one structure, and where they come from."""

    facts: Mapping[str, str | int]
    found: Recommended

    def to_json(self) -> str:
        """Everything, with full protocols."""
        nearest = [{"id": i, "formula": f, "similarity": s} for i, f, s in self.found.nearest]
        document = {
            "facts": {**self.facts, "formula": self.found.formula},
            "nearest": nearest,
            "ranked": [_as_dict(one) for one in self.found.ranked],
        }
        return json.dumps(document, indent=1, ensure_ascii=False)

    def grid(self) -> Grid:
        """One line a protocol."""
        header = ("rank", "similarity", "made", f"precursors for {self.found.formula}", "protocol", "source")
        lines = (
            (
                str(rank),
                f"{one.similarity:.3f}",
                one.recipe.formula,
                ", ".join(one.precursors) or "-",
                " ".join(one.recipe.steps),
                one.recipe.doi or "-",
            )
            for rank, one in enumerate(self.found.ranked, start=1)
        )
        return Grid(title=f"protocols for {self.found.formula}", header=header, lines=tuple(lines))

    def told(self) -> dict[str, str | int]:
        """Facts for a terminal: where the protocols come from, and the nearest structures whose protocol is known."""
        nearest = ", ".join(f"{formula} ({i}, {similarity:.3f})" for i, formula, similarity in self.found.nearest)
        return {**self.facts, "formula": self.found.formula, "nearest known structures": nearest or "none"}


def advise(structure: Path, model: Path | None, data: Path | None, wanted: Wanted) -> Advice:
    """Rank the protocols of a data set for the crystal in a file.

    Args:
        structure: a CIF, POSCAR, XYZ, ...
        model: a model folder; None compares compositions alone.
        data: a data set; None takes the one that the model's manifest names.
        wanted: how many, from where.

    Raises:
        UsageError: a folder is missing, or the model's folds are not those of the data set.
        comma_encoders.errors.InputError: the file cannot be read as a crystal.
        EmptyTaskError: there is no protocol.
    """
    manifest = read_manifest(model) if model else {}
    shards = ShardSet(data_folder(data, manifest))
    split = split_of(shards, manifest.get("split", {}), wanted.test_fold)
    samples = _library(shards, None if wanted.everything else split, wanted.view)
    scorer = EmbeddingScorer(embedder=load(model)) if model else None
    found = recommend(get("structure").coerce(structure), scorer, samples, count=wanted.count)
    facts: dict[str, str | int] = {
        "structure": str(structure),
        "data": shards.manifest.name,
        "protocols from": "all folds" if wanted.everything else f"training folds (test fold {split.test_fold})",
        "model": str(model) if model else "none: compositions are compared",
        "view": wanted.view,
    }
    return Advice(facts=facts, found=found)


def _library(shards: ShardSet, split: Split | None, view: str) -> list[Sample]:
    """Samples with a text, of the training folds where there is a split."""
    numbers = (
        number
        for number, row in enumerate(shards.rows)
        if "text" in row.modalities and (split is None or split.part(row.fold) == "train")
    )
    return [with_view(shards.read(number, modalities=("structure", "text")), view) for number in numbers]


def _as_dict(one: Recommendation) -> dict[str, Any]:
    recipe = one.recipe
    return {
        "similarity": one.similarity,
        "made": recipe.formula,
        "precursors": list(one.precursors),
        "precursors_reported": sorted(recipe.precursors or ()),
        "protocol": list(recipe.steps),
        "doi": recipe.doi,
    }
