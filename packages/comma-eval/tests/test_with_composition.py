"""Crystals that are seen by their structure and by their composition."""

import numpy as np
import pytest
import torch
from comma_data.sample import Sample
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel
from comma_eval.tasks.synthesis import Synthesis
from comma_eval.with_composition import WithComposition

SIZES = {
    "structure": {"width": 8, "layers": 1, "splines": 8, "moments": (4, 2, 2)},
    "text": {"width": 8, "heads": 2, "token_layers": 1},
    "composition": {"width": 8, "layers": 1},
}


def model(*modalities):
    torch.manual_seed(0)
    return AlignedModel({name: get(name).Config(**SIZES[name]) for name in modalities}, dim=8).eval()


@pytest.fixture
def crystals(make_structure):
    values = [make_structure("Ba", "Ti", "O", "O", "O"), make_structure("Mg", "O"), make_structure("Ti", "O", "O")]
    return [Sample(id=f"c-{i}", fields={"structure": (value,)}, groups={}) for i, value in enumerate(values)]


def test_a_crystal_lies_between_its_structure_and_its_composition(crystals):
    aligned = model("structure", "composition", "text")
    formulas = [{"Ba": 1, "Ti": 1, "O": 3}, {"Mg": 2, "O": 2}, {"Ti": 2, "O": 4}]  # only ratios count
    told = [Sample(id="f", fields={"composition": (formula,)}, groups={}) for formula in formulas]
    a, b = aligned.embed(crystals)["structure"].z, aligned.embed(told)["composition"].z
    found = WithComposition(embedder=aligned).embed(crystals)["structure"]
    assert found.rows.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.z, torch.nn.functional.normalize(a + b, dim=1), atol=1e-5)
    assert not np.allclose(found.z, a, atol=1e-2)


def test_a_model_that_reads_no_compositions_sees_structures_as_before(crystals):
    aligned = model("structure", "text")
    found = WithComposition(embedder=aligned).embed(crystals)["structure"]
    assert torch.equal(found.z, aligned.embed(crystals)["structure"].z)


def test_other_values_are_as_they_are():
    aligned = model("structure", "composition", "text")
    texts = [Sample(id="t", fields={"text": (("Mix BaCO3 and TiO2.",),)}, groups={})]
    assert torch.equal(WithComposition(embedder=aligned).embed(texts)["text"].z, aligned.embed(texts)["text"].z)


def test_the_task_sees_crystals_so_where_it_is_asked_to(perovskites, quick_fit):
    aligned = model("structure", "composition", "text")
    scores = []
    for fused in (False, True):
        task = Synthesis(fused=fused)
        report = task.run({"ours": task.model_of(aligned)}, perovskites[:10], perovskites)
        assert ("crystals" in report.facts) == fused
        scores.append([row.value for row in report.rows if row.labels.get("model") == "ours"])
    assert scores[0] != scores[1]
