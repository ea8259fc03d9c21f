"""The encoders beside their simple rivals: what is pooled, compared and kept between runs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from comma_data.split import Split, fold

from benchmarks.encoder_rivals import loop, text


def answers(truth, ours, rival):
    return text.Answers(
        truth=np.array(truth),
        ours=np.array(ours),
        rival=np.array(rival),
        formulas=[f"formula {i}" for i in range(len(truth))],
    )


def test_rows_score_each_seed_apart_and_the_rival_on_the_same_recipes():
    first = answers([0, 1, 1], [[0, 1, 1], [0, 0, 1]], [1, 1, 1])
    second = answers([1], [[1], [0]], [0])
    found = list(text._rows(text.Answers.pooled([first, second]), text.ATMOSPHERE, variant="hidden"))
    accuracy = {row["model"]: row["value"] for row in found if row["metric"] == "accuracy"}
    assert accuracy == {
        "comma text encoder, mean of 2 seeds": pytest.approx((1 + 0.5) / 2),
        "TF-IDF + ridge": 0.5,
        "difference, comma - rival": pytest.approx(0.25),
    }
    assert {row["n"] for row in found} == {4}


def test_temperatures_are_compared_by_their_errors():
    found = list(text._rows(answers([100.0, 200.0], [[110.0, 190.0]], [100.0, 160.0]), text.TEMPERATURE))
    errors = {row["model"]: row["value"] for row in found if row["metric"] == "MAE, °C"}
    assert list(errors.values()) == [10.0, 20.0, -10.0]


@pytest.mark.parametrize(
    ("atmospheres", "kind"),
    [
        (["Air"], "air"),
        (["Ar", "N2"], "inert"),
        (["argon", "hydrogen"], "reducing"),
        (["hydrogen"], "reducing"),
        (["air", "argon"], None),
        (["argon", "H2S"], None),
        ([], None),
    ],
)
def test_an_atmosphere_is_what_the_heating_steps_agree_on(atmospheres, kind):
    heating = SimpleNamespace(kind="heat", atmospheres=atmospheres)
    drying = SimpleNamespace(kind="dry", atmospheres=["oxygen"])
    found = text._atmosphere(SimpleNamespace(operations=[drying, heating]))
    assert found == (-1 if kind is None else list(text.CLASSES).index(kind))


def test_no_recipe_is_trained_on_whose_paper_a_later_part_tells():
    formulas = [f"formula {i}" for i in range(40)]
    papers = {"test": "a", "validation": "a", "train": "b"}
    split = Split(test_fold=2)
    records = [
        SimpleNamespace(formula=f, provenance={"doi": papers[split.part(fold(f))]})
        for f in formulas
        if split.part(fold(f)) in papers
    ]
    parts = text._parts(records, split)
    assert parts["test"]
    assert parts["train"]
    assert parts["validation"] == []  # all of the paper that the test fold tells
    alone = replace(split, test_fold=3)
    assert {r.formula for r in text._parts(records, alone)["test"]} != {r.formula for r in parts["test"]}


def test_an_answer_is_kept_by_its_key(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "ROOT", tmp_path)
    made = []

    def make():
        made.append(1)
        return np.array([len(made)])

    assert [int(loop.once(key, make)[0]) for key in ("a", "a", "b", "a")] == [1, 1, 2, 1]
