"""Batches that go from process to process."""

import pickle
from dataclasses import FrozenInstanceError
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from comma_encoders.passing import SMALL
from comma_encoders.types import Batch

TENSORS = {
    "small": torch.arange(6).reshape(2, 3),
    "none": torch.empty(0, 3),
    "one": torch.tensor(7),
    "askew": torch.arange(6.0).reshape(2, 3).T,
    "half": torch.ones(3, dtype=torch.bfloat16),
    "truth": torch.tensor([True, False]),
    "large": torch.arange(SMALL, dtype=torch.float32),
}


def batch():
    return Batch(inputs={"image": TENSORS}, rows={"image": torch.tensor([0, 1])}, groups={})


def same(got, wanted):
    assert got.dtype == wanted.dtype
    assert torch.equal(got, wanted)
    return got


@pytest.mark.parametrize("dumps", [pickle.dumps, ForkingPickler.dumps])
def test_a_batch_comes_out_as_it_went_in(dumps):
    found = pickle.loads(dumps(batch()))  # noqa: S301  made here
    assert list(found.inputs["image"]) == list(TENSORS)
    for name, tensor in TENSORS.items():
        same(found.inputs["image"][name], tensor)
    same(found.rows["image"], torch.tensor([0, 1])).add_(1)  # can be written to
    with pytest.raises(FrozenInstanceError):
        found.rows = {}


def test_only_large_tensors_take_a_file_descriptor():
    """Each of them is handed over by a connection of its own."""
    small = Batch(
        inputs={"image": {k: t for k, t in TENSORS.items() if k not in {"large", "half"}}}, rows={}, groups={}
    )
    assert b"rebuild_storage" not in bytes(ForkingPickler.dumps(small))
    whole = bytes(ForkingPickler.dumps(batch()))
    assert b"rebuild_storage" in whole
    assert len(whole) < SMALL
