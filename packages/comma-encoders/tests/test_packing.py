"""Batches are cut by what they cost, and nothing depends on how."""

import numpy as np
import pytest
import torch
from comma_encoders.encoding import Way, encode
from comma_encoders.errors import InputError
from comma_encoders.packing import Packer, how_many, numbers, raw_bytes
from hypothesis import given, settings
from hypothesis import strategies as st


def collate(values):
    """As many numbers as the values say, squared: cost grows faster than size, as edges do."""
    if any(value < 0 for value in values):
        raise InputError("a negative value")
    return {"x": torch.tensor(values), "load": torch.zeros(sum(v * v for v in values))}


@given(st.lists(st.integers(1, 10**6), max_size=50), st.integers(1, 20), st.floats(1, 10**7))
def test_what_fits_is_within_room_or_alone(sizes, batch_size, room):
    count = how_many(sizes, batch_size, room)
    assert count == 0 if not sizes else 1 <= count <= min(batch_size, len(sizes))
    assert count <= 1 or sum(sizes[:count]) <= room
    if 0 < count < min(batch_size, len(sizes)):
        assert sum(sizes[: count + 1]) > room


@settings(max_examples=50)
@given(st.lists(st.integers(-3, 60), max_size=40), st.integers(1, 10))
def test_every_value_is_in_one_batch_or_refused(values, batch_size):
    packer = Packer(collate, batch_size, budget=2000)
    batches = list(packer(values))
    places = [i for chosen, _ in batches for i in chosen]
    assert sorted([*places, *packer.refused]) == list(range(len(values)))
    assert set(packer.refused) == {i for i, value in enumerate(values) if value < 0}
    for chosen, inputs in batches:
        assert len(chosen) <= batch_size
        assert inputs["x"].tolist() == [values[i] for i in chosen]


def test_large_values_do_not_share_a_batch():
    sizes = [20] * 100 + [2000] * 5
    packer = Packer(lambda values: {"load": torch.zeros(sum(values) * 10)}, batch_size=64, budget=20_000)
    values = [np.zeros(size, np.int8) for size in sizes]
    packer.collate = lambda chosen: {"load": torch.zeros(sum(len(v) for v in chosen) * 10)}
    costs = [numbers(inputs) for _, inputs in packer(values)]
    assert max(costs) <= 20_000
    assert len(costs) <= 8


def test_the_prediction_follows_what_was_measured():
    packer = Packer(lambda values: {"load": torch.zeros(len(values) * 100)}, batch_size=8, budget=500)
    batches = [chosen for chosen, _ in packer([np.zeros(1000, np.int8)] * 20)]
    assert [len(chosen) for chosen in batches][:2] == [1, 5], "pessimistic at first, then as measured"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.zeros((3, 4)), 96), ("abc", 3), ({"a": np.zeros(2), "b": None}, 24), (("ab", "c"), 3), (1.5, 8)],
)
def test_the_size_of_raw_values(value, expected):
    assert raw_bytes(value) == expected


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_rows_come_back_in_order(batch_size):
    way = Way(coerce=lambda v: v, collate=collate, run=lambda inputs: inputs["x"][:, None].float().expand(-1, 2), dim=2)
    values = [7, 1, -1, 50, 3, -1, 3]
    ticks = []
    encoded = encode(iter(values), way, batch_size=batch_size, done=ticks.append)
    assert encoded.z[:, 0].tolist() == [7, 1, 50, 3, 3]
    assert encoded.places.tolist() == [0, 1, 3, 4, 6]
    assert {place: str(error) for place, error in encoded.refused.items()} == dict.fromkeys([2, 5], "a negative value")
    assert sum(ticks) == len(values)


def test_windows_count_on(monkeypatch):
    monkeypatch.setattr("comma_encoders.encoding.WINDOW", 2)
    way = Way(coerce=lambda v: v, collate=collate, run=lambda inputs: inputs["x"][:, None].float(), dim=1)
    encoded = encode([1, 2, -1, 4, 5], way, batch_size=4)
    assert encoded.z[:, 0].tolist() == [1, 2, 4, 5]
    assert encoded.places.tolist() == [0, 1, 3, 4]
    assert list(encoded.refused) == [2]


def test_what_coerce_and_what_collate_refuse_keep_their_places():
    def coerce(value):
        if isinstance(value, str):
            raise InputError("a word")
        return value

    way = Way(coerce=coerce, collate=collate, run=lambda inputs: inputs["x"][:, None].float(), dim=1)
    encoded = encode(["x", 4, "y", -1, 5], way, batch_size=4)
    assert encoded.z[:, 0].tolist() == [4, 5]
    assert encoded.places.tolist() == [1, 4]
    assert {i: str(e) for i, e in encoded.refused.items()} == {0: "a word", 2: "a word", 3: "a negative value"}
