"""On the text-mined recipes that the folder named by COMMA_DATA holds."""

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from comma_data.formulas import ATOMIC_NUMBERS, composition
from comma_data.protocol import with_view
from comma_data.sample import Record, Sample
from comma_data.sources import recipes
from comma_data.split import Split, fold, origins, without_leaks
from comma_encoders.retrieval import recall, same_group
from comma_eval.baselines import composition as model
from comma_eval.baselines.element_overlap import ElementOverlap
from comma_eval.embedding import EmbeddingScorer
from comma_eval.tasks.pool import pools

ROOT = os.environ.get("COMMA_DATA")
pytestmark = pytest.mark.skipif(ROOT is None, reason="COMMA_DATA does not name the data folder")


def atoms(formula):
    """A structure of which only the atoms matter: one formula unit on a line."""
    numbers = np.repeat(*zip(*((ATOMIC_NUMBERS[e], round(n)) for e, n in composition(formula).items()), strict=True))
    positions = 2.0 * np.arange(len(numbers))[:, None] * np.ones(3)
    return {"numbers": numbers, "positions": positions, "cell": np.zeros((3, 3)), "periodic": np.zeros(3, bool)}


@pytest.fixture(scope="module")
def parts():
    """Training and validation samples of 3,000 sol-gel recipes."""
    of_formula = {}
    source = next((Path(ROOT) / "synthesis-recipes").glob("sol-gel*"))
    for record in islice((r for r in recipes.read(source) if isinstance(r, Record)), 3000):
        of_formula.setdefault(record.formula, []).append(record)
    found = {"train": [], "validation": [], "test": []}
    for formula, records in of_formula.items():
        sample = Sample(
            id=formula,
            fields={"structure": (atoms(formula),), "text": tuple(("",) for _ in records)},
            groups={"formula": formula},
            annotations={"text": tuple(record.value for record in records)},
            provenance={"text": tuple(record.provenance for record in records)},
        )
        found[Split(test_fold=0).part(fold(formula))].append(with_view(sample, "precursors"))
    told = origins(found["validation"] + found["test"])
    return [without_leaks(sample, told)[0] for sample in found["train"]], pools(found["validation"])


def score(scorer, pool):
    scores = scorer.score(pool.structures.samples, pool.gallery.samples)
    return recall(scores, same_group(pool.structures.groups, pool.gallery.groups))


def test_element_overlap_is_far_above_chance(parts):
    result = score(ElementOverlap(), parts[1])
    assert result.pool > 100
    assert result.at[1] > 30 * result.chance[1]


@pytest.mark.slow
def test_the_composition_model_is_far_above_chance(parts):
    train, pool = parts
    result = score(EmbeddingScorer(embedder=model.fit(train, steps=150)), pool)
    assert result.at[1] > 30 * result.chance[1]
    assert result.at[10] > 0.8
