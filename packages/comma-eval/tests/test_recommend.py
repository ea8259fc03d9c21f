import json
from dataclasses import replace

import numpy as np
import pytest
from comma_encoders.folder import save
from comma_encoders.model import AlignedModel
from comma_eval.cli import app
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.recommending import library, recommend
from comma_eval.tasks.recommend import Recommend, known_sets
from typer.testing import CliRunner

TRAIN = [("Ba", "Ti"), ("Ba", "Zr"), ("Sr", "Ti"), ("Sr", "Zr"), ("Ca", "Ti"), ("Ca", "Hf"), ("Pb", "Zr"), ("Mg", "Sn")]
TEST = [("Ba", "Hf"), ("Ca", "Zr"), ("Pb", "Ti"), ("Sr", "Sn")]


class Oracle:
    """Ranks the recipes of the crystal's own first element first; `Worst` last."""

    sign = 1

    def score(self, queries, gallery):
        return self.sign * np.array(
            [[float(self.first(q) in " ".join(g.fields["text"][0])) for g in gallery] for q in queries]
        )

    @staticmethod
    def first(sample):
        from comma_eval.baselines.formulas import SYMBOLS

        return f"{SYMBOLS[int(sample.fields['structure'][0]['numbers'][0]) - 1]}CO3"


@pytest.fixture
def train(make_perovskite):
    return [make_perovskite(*pair, recipes=2) for pair in TRAIN]


@pytest.fixture
def test(make_perovskite):
    return [make_perovskite(*pair, polymorph=p) for pair in TEST for p in (0, 1)]


def other(sample, *precursors):
    """The sample with these precursors in all its recipes."""
    records = tuple(replace(record, precursors=precursors) for record in sample.annotations["text"])
    return replace(sample, annotations={"text": records})


def value(report, model, metric="success@1"):
    (row,) = (
        r for r in report.rows if r.labels.get("model") == model and "against" not in r.labels and r.metric == metric
    )
    return row


def test_a_recipe_in_every_polymorph_is_one(test):
    assert len(library(test)) == 4
    assert known_sets(test)["BaHfO3"] == {frozenset({"BaCO3", "HfO2"})}


def test_carbonates_and_oxides_are_found_by_everyone(train, test, quick_fit):
    """All recipes are alike, so popularity is always right, and so is what is carried over."""
    report = Recommend().run({"oracle": Oracle()}, train, test)
    for model in ("popularity", "nearest composition", "oracle", "random recipes"):
        assert value(report, model).value == 1.0
    assert value(report, "popularity").n == 4


def test_who_ranks_the_right_recipes_finds_what_is_not_popular(train, test, quick_fit, make_perovskite):
    """BaHfO3 is made of the nitrate, as BaZrO3 is; everybody else uses the carbonate."""
    changed = [other(s, "Ba(NO3)2", "ZrO2") if s.groups["formula"] == "BaZrO3" else s for s in train]
    asked = [other(s, "Ba(NO3)2·xH2O", "HfO2") for s in test if s.groups["formula"] == "BaHfO3"]

    class Knows(Oracle):
        def score(self, queries, gallery):
            return np.array([[float("Ba(NO3)2" in " ".join(g.fields["text"][0])) for g in gallery] for _ in queries])

    report = Recommend().run({"knows": Knows()}, [*changed, *(make_perovskite("Ba", "Sn") for _ in (0,))], asked)
    assert value(report, "knows").value == 1.0
    assert value(report, "popularity").value == 0.0
    assert value(report, "popularity", "success@5").value == 1.0
    (gain,) = (r for r in report.rows if r.labels.get("against") == "popularity" and r.metric == "success@1")
    assert gain.value == 1.0


def test_nobody_finds_a_precursor_that_training_never_used(train, test, quick_fit):
    asked = [other(s, "Ba(CH3COO)2", "HfO2") for s in test]
    report = Recommend().run({"oracle": Oracle()}, train, [s for s in asked if s.groups["formula"] == "BaHfO3"])
    assert {r.value for r in report.rows if r.metric == "success@10" and "against" not in r.labels} == {0.0}
    (within,) = (r.value for r in report.rows if r.metric == "queries with a set of known precursors")
    assert within == 0


def test_success_grows_with_k(train, test, quick_fit):
    found = Recommend().run({}, train, test)
    values = [value(found, "random recipes", f"success@{k}").value for k in (1, 5, 10)]
    assert values == sorted(values)


def test_the_order_of_the_samples_does_not_matter(train, test, quick_fit):
    a, b = (Recommend().run({"o": Oracle()}, x, y) for x, y in ((train, test), (train[::-1], test[::-1])))
    rows = [
        [(dict(r.labels), r.metric, r.value) for r in report.rows if r.labels.get("model") != "composition MLP"]
        for report in (a, b)
    ]
    assert rows[0] == rows[1]


def test_nothing_known_is_said(train, test, quick_fit):
    unknown = [other(s, "mystery") for s in test]
    with pytest.raises(EmptyTaskError, match="0 held-out formulas and 16 training recipes have a set"):
        Recommend().run({}, train, unknown)


def test_an_unknown_view_is_named():
    with pytest.raises(UsageError, match="unknown view 'precursor'"):
        Recommend(view="precursor")


def test_protocols_are_ranked_with_their_sources(train, make_structure):
    found = recommend(make_structure("Ba", "Hf", "O", "O", "O"), Sameness(), train, count=3)
    assert found.formula == "BaHfO3"
    assert len(found.ranked) == 3
    best = found.ranked[0]
    assert best.recipe.formula in {"BaTiO3", "BaZrO3", "CaHfO3"}
    assert best.precursors == ("BaCO3", "HfO2")
    assert best.recipe.doi == f"10.1/{best.recipe.formula}-{'0' if '900' in str(best.recipe.steps) else '1'}"
    assert found.nearest[0][:2] in {("batio3-0", "BaTiO3"), ("bazro3-0", "BaZrO3"), ("cahfo3-0", "CaHfO3")}
    assert [one.similarity for one in found.ranked] == sorted((one.similarity for one in found.ranked), reverse=True)


def test_without_a_model_compositions_are_compared(train, make_structure):
    found = recommend(make_structure("Ba", "Hf", "O", "O", "O"), None, train, count=1)
    assert found.ranked[0].similarity == pytest.approx(0.8)
    assert found.ranked[0].recipe.formula in {"BaTiO3", "BaZrO3", "CaHfO3"}


def test_a_text_without_a_record_is_recommended_without_a_set(train, make_structure):
    plain = [
        replace(s, annotations={}, fields={**s.fields, "text": (("Mix.", "Heat."),)}, provenance={}) for s in train[:1]
    ]
    (one,) = recommend(make_structure("Ba", "O"), None, plain).ranked
    assert (one.precursors, one.recipe.precursors) == ((), None)


def test_an_empty_library_is_said(make_structure):
    with pytest.raises(EmptyTaskError, match="none of the 0 samples has a protocol"):
        recommend(make_structure("Ba", "O"), None, [])


class Sameness:
    """Shared elements, between whatever two values."""

    def score(self, queries, gallery):
        from comma_eval.baselines.element_overlap import element_matrix

        return element_matrix(queries) @ element_matrix(gallery).T


CIF = """data_BaTiO3
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ba1 Ba 0 0 0
Ti1 Ti 0.5 0.5 0.5
O1 O 0.5 0.5 0
O2 O 0.5 0 0.5
O3 O 0 0.5 0.5
"""


@pytest.fixture
def cif(tmp_path):
    path = tmp_path / "BaTiO3.cif"
    path.write_text(CIF)
    return path


def test_the_command_lists_for_a_file(data_set, cif, tmp_path):
    folder = tmp_path / "model"
    save(AlignedModel.create("structure", "text", dim=16), folder, {"data": {"path": str(data_set)}})
    arguments = ["recommend", str(folder), "--structure", str(cif), "-k", "4"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "list.md")], catch_exceptions=False)
    assert "protocols for BaTiO3" in result.stdout
    assert (tmp_path / "list.md").read_text().count("\n| ") >= 4
    document = json.loads(
        CliRunner().invoke(app, [*arguments, "--json", "--everything"], catch_exceptions=False).stdout
    )
    assert document["facts"]["protocols from"] == "all folds"
    assert len(document["ranked"]) == 4
    assert document["ranked"][0].keys() == {
        "similarity", "made", "precursors", "precursors_reported", "protocol", "doi",
    }  # fmt: skip


def test_training_folds_alone_are_the_default(data_set, cif):
    arguments = [
        "recommend",
        "--baselines-only",
        "--data",
        str(data_set),
        "--structure",
        str(cif),
        "--json",
        "-k",
        "500",
    ]
    made = {
        flag: {
            one["made"]
            for one in json.loads(CliRunner().invoke(app, [*arguments, *flag], catch_exceptions=False).stdout)["ranked"]
        }
        for flag in ((), ("--everything",))
    }
    assert len(made[()]) < len(made[("--everything",)]) == 64
    assert "BaTiO3" in made[("--everything",)]
