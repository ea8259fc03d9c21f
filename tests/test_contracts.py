"""What holds between packages that do not know of each other."""

import typing

import numpy as np
import pytest
from comma_data import sample as nouns
from comma_data.errors import StructureError
from comma_data.sample import Sample
from comma_data.validate import Guard, check_structure
from comma_encoders.errors import InputError
from comma_encoders.modality import get, names
from comma_encoders.model import AlignedModel
from comma_encoders.types import SampleLike
from comma_eval.task import Embedder

GOOD = {
    "numbers": np.array([11, 17]),
    "positions": np.array([[0.0, 0, 0], [2.8, 0, 0]]),
    "cell": np.eye(3) * 5.6,
    "periodic": np.ones(3, bool),
}
PATHOLOGICAL = {
    "NaN cell": {"cell": np.full((3, 3), np.nan)},
    "infinite cell": {"cell": np.diag([np.inf, 5, 5])},
    "NaN position": {"positions": np.array([[0.0, 0, 0], [np.nan, 0, 0]])},
    "no atoms": {"numbers": np.zeros(0, int), "positions": np.zeros((0, 3))},
    "atomic number 0": {"numbers": np.array([0, 17])},
    "atomic number 119": {"numbers": np.array([119, 17])},
    "flat": {"cell": np.array([[5.0, 0, 0], [5.0, 0, 0], [0, 0, 5.0]])},
    "thin": {"cell": np.diag([1e-3, 5.0, 5.0])},
    "coincident": {"positions": np.zeros((2, 3))},
    "too close": {"positions": np.array([[0.0, 0, 0], [0.2, 0, 0]])},
    "too close through the face": {"positions": np.array([[0.1, 0, 0], [5.55, 0, 0]])},
    "one position short": {"positions": np.zeros((1, 3))},
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_what_curation_refuses_the_encoders_refuse_too(name):
    value = GOOD | PATHOLOGICAL[name]
    with pytest.raises(StructureError):
        check_structure(value, Guard())
    with pytest.raises(InputError):
        get("structure").collate([value], get("structure").Config())


def test_both_take_a_good_one():
    check_structure(GOOD, Guard())
    assert get("structure").collate([GOOD], get("structure").Config())["count"] == 1


def test_a_stored_sample_is_what_encoders_need():
    assert isinstance(Sample(id="a", fields={}, groups={}), SampleLike)


def test_the_model_is_what_evaluation_scores():
    assert {"embed"} <= {name for name in vars(Embedder) if not name.startswith("_")}
    assert callable(AlignedModel.embed)


@pytest.mark.parametrize(
    ("modality", "noun"), [("structure", "RawStructure"), ("image", "RawImage"), ("xrd", "RawPattern")]
)
def test_raw_values_have_the_same_keys_on_both_sides(modality, noun):
    required = getattr(nouns, noun).__required_keys__
    value = get(modality).example(np.random.default_rng(0))
    assert set(value) == set(required)
    assert typing.get_type_hints(getattr(nouns, noun)).keys() >= required


def test_every_modality_has_a_field_of_that_name_in_the_data():
    assert {"structure", "text", "image", "xrd", "composition"} == set(names())
