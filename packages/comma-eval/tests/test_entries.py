from dataclasses import replace

import numpy as np
import pytest
from comma_data.sample import Sample
from comma_eval.tasks.entries import digest, entry_of, formula_of, key_for, relevance, values

PATTERN = {"two_theta": np.linspace(10, 80, 8), "intensity": np.arange(8.0), "wavelength": 1.5406}


def test_polymorphs_are_told_apart_unless_a_protocol_or_composition_takes_part():
    assert key_for(("structure", "xrd")) is entry_of
    assert key_for(("image", "xrd")) is entry_of
    assert key_for(("text", "xrd")) is formula_of
    assert key_for(("composition", "structure")) is formula_of


def test_an_image_of_its_own_belongs_to_its_material():
    assert entry_of(Sample(id="patch-1", fields={}, groups={"material": "mp-1", "formula": "CdTe"})) == "mp-1"


def test_without_a_formula_a_specimen_belongs_together():
    scans = [
        Sample(id=f"x-{minutes}min", fields={}, groups={"formula": f"?x-{minutes}min", "specimen": "x"})
        for minutes in (2, 8)
    ]
    assert [formula_of(scan) for scan in scans] == ["x", "x"]


def test_polymorphs_are_relevant_by_formula_and_not_by_entry(perovskites):
    some = perovskites[:4]
    by_formula, by_entry = (
        relevance(values(some, "structure", key), values(some, "structure", key)) for key in (formula_of, entry_of)
    )
    assert by_formula.sum(axis=1).tolist() == [2] * 4
    assert by_entry.sum(axis=1).tolist() == [1] * 4


def test_each_distinct_value_of_a_key_once(perovskites):
    copies = [perovskites[0], replace(perovskites[0], id="again")]
    found = values(copies, "structure", formula_of)
    assert found.side.names == (min("again", perovskites[0].id),)
    assert len(values(copies, "structure", entry_of).keys) == 2


def test_texts_stand_for_their_formula_where_one_is_asked(perovskites):
    every, one = (values(perovskites, "text", formula_of, one_text_a_key=wanted) for wanted in (False, True))
    assert (len(every.keys), len(one.keys)) == (128, 64)
    assert set(one.side.names) < set(every.side.names)


def test_the_order_of_the_samples_does_not_matter(perovskites):
    for modality in ("structure", "text"):
        assert repr(values(perovskites, modality, formula_of)) == repr(values(perovskites[::-1], modality, formula_of))


@pytest.mark.parametrize(
    "other",
    [
        {**PATTERN, "wavelength": 0.7},
        {**PATTERN, "intensity": np.arange(8.0) + 1e-12},
        {**PATTERN, "intensity": np.arange(8.0, dtype=np.float32)},
        {**PATTERN, "two_theta": PATTERN["two_theta"].reshape(2, 4)},
        {"intensity": PATTERN["intensity"]},
    ],
)
def test_another_value_has_another_digest(other):
    assert digest(PATTERN) == digest({**PATTERN, "intensity": np.arange(8.0)})
    assert digest(PATTERN) != digest(other)
