from dataclasses import replace

import numpy as np
import pytest
from comma_data.protocol import with_view
from comma_data.sample import Sample
from comma_eval.baselines import nearest_recipes
from comma_eval.errors import EmptyTaskError


def test_recipes_of_the_nearest_compositions_find_a_protocol_like_theirs(make_perovskite):
    """Titanates are heated at 900 °C and zirconates at 1500 °C: what the neighbours do is what is found."""
    celsius = {"Ti": 900.0, "Zr": 1500.0}

    def made(a, b):
        sample = make_perovskite(a, b)
        (record,) = sample.annotations["text"]
        heat = replace(record.operations[1], temperatures=(celsius[b],))
        return with_view(replace(sample, annotations={"text": (replace(record, operations=(heat,)),)}), "operations")

    train = [made(a, b) for a in ("Ca", "Sr", "Pb") for b in celsius]
    asked = [bare_sample(made("Ba", b), m) for m in ("structure", "text") for b in celsius]
    scores = nearest_recipes.fit(train, neighbours=1).score(asked[:2], asked[2:])
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]
    np.testing.assert_allclose(nearest_recipes.fit(train, neighbours=1).score(asked[2:], asked[:2]), scores.T)


def bare_sample(sample, modality):
    return Sample(id="x", fields={modality: sample.fields[modality]}, groups={})


def test_every_neighbour_counts_the_same_whatever_its_recipes(make_perovskite):
    many, few = make_perovskite("Ba", "Ti", recipes=9), make_perovskite("Ba", "Zr", recipes=1)
    line = nearest_recipes.fit([many, few], neighbours=2)
    assert line.counts == (9, 1)
    (vector,) = line._vectors([bare_sample(make_perovskite("Ba", "Hf"), "structure")])
    words = dict(zip(line.vectoriser.get_feature_names_out(), vector / line.vectoriser.idf_, strict=True))
    assert words["TiO2"] == pytest.approx(words["ZrO2"], rel=0.35)


def test_nearest_recipes_need_recipes():
    with pytest.raises(EmptyTaskError, match="need training samples with a text and a formula"):
        nearest_recipes.fit([])
