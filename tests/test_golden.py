"""Shards and models of every past release load in this one and give the numbers that they gave then."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from comma_data.check import check
from comma_data.shards import ShardSet
from comma_encoders.errors import InputError
from comma_encoders.folder import load

GOLDEN = Path(__file__).parent / "golden"
releases = pytest.mark.parametrize("release", sorted(GOLDEN.glob("v*")), ids=lambda folder: folder.name)


def test_there_is_one_whose_model_loads():
    assert not all(is_refused(release) for release in GOLDEN.glob("v*"))


@releases
def test_the_shard_is_whole_and_says_what_it_said(release):
    data = ShardSet(release / "data")
    faults, _ = check(release / "data")
    assert faults == []
    assert data.ids == tuple(json.loads((release / "vectors.json").read_text())["ids"])
    salt = data[data.position("tb-nacl")]
    assert sorted(salt.fields["structure"][0]["numbers"].tolist()) == [11] * 4 + [17] * 4
    assert salt.fields["composition"] == ({"Na": 1.0, "Cl": 1.0},)
    pictured = next(sample for sample in data if "image" in sample.fields)
    assert pictured.fields["image"][0]["pixels"].dtype == np.uint16
    assert len(pictured.fields["xrd"][0]["intensity"]) == 4001


@releases
def test_one_modality_is_read_without_the_others(release):
    data = ShardSet(release / "data")
    for only in ({"structure"}, {"image"}, set()):
        whole = [{m: len(v) for m, v in sample.fields.items() if m in only} for sample in data]
        assert [{m: len(v) for m, v in s.fields.items()} for s in data.stream(modalities=only)] == whole


def is_refused(release):
    return json.loads((release / "model" / "config.json").read_text())["format"] == 1


@releases
def test_a_model_of_the_first_format_is_refused_with_what_to_do(release):
    if not is_refused(release):
        pytest.skip("this format is read")
    with pytest.raises(InputError, match="train it again"):
        load(release / "model")


@releases
def test_the_model_gives_the_vectors_that_it_gave(release):
    if is_refused(release):
        pytest.skip("this format is refused")
    expected = json.loads((release / "vectors.json").read_text())["vectors"]
    embedded = load(release / "model").embed(list(ShardSet(release / "data")))
    for name, vectors in expected.items():
        torch.testing.assert_close(embedded[name].z, torch.tensor(vectors), rtol=1e-4, atol=1e-4)


@releases
def test_it_stays_small(release):
    assert sum(path.stat().st_size for path in release.rglob("*") if path.is_file()) <= 200_000
