"""Numbers have a unit, a kind and a magnitude that a network can compare."""

import math

import pytest
import torch
from comma_encoders.modalities.text.lexer import lexemes
from comma_encoders.modalities.text.numbers import Numbers, number_features
from comma_encoders.modalities.text.quantities import magnitude, quantities
from comma_encoders.modalities.text.units import KINDS, UNITS
from comma_encoders.modality import examples, get
from hypothesis import given
from hypothesis import strategies as st


def measured(step):
    """(value in the base unit, kind) of every number of a step."""
    found = [quantity for quantity in quantities(tuple(lexemes(step))) if quantity is not None]
    return [(pytest.approx(10**power, rel=1e-6), KINDS[kind]) for power, kind in found]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("at 850 °C", "at 1123.15 K"),
        ("at 212 °F", "at 100 °C"),
        ("for 1.5 h", "for 90 min"),
        ("for 2 days", "for 48 hours"),
        ("5 °C/min", "300 K per hour"),
        ("5 °C/min", "5 °C min-1"),
        ("1 g", "1000 mg"),
        ("0.5 L", "500 ml"),
        ("1 atm", "101.325 kPa"),
        ("760 Torr", "1 atm"),
        ("1 µm", "10000 Å"),
        ("1,100 °C", "1100 ºC"),
    ],
)
def test_units_convert(one, other):
    assert next(q for q in quantities(tuple(lexemes(one))) if q) == next(
        (pytest.approx(power, abs=1e-5), kind) for power, kind in filter(None, quantities(tuple(lexemes(other))))
    )


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("10-20 min", [(10 / 60, "time"), (20 / 60, "time")]),
        ("at 700, 800 and 900 °C", [(t + 273.15, "temperature") for t in (700, 800, 900)]),
        ("cool to -78 °C", [(195.15, "temperature")]),
        ("Al-5 wt%", [(1, "amount"), (5, "share")]),
        ("add 3 times", [(3, "number")]),
        ("850 °C 2 h", [(1123.15, "temperature"), (2, "time")]),
        ("to 900 °C at 5 °C/min", [(1173.15, "temperature"), (300, "rate")]),
        ("LiNi0.8O2", [(1, "amount"), (0.8, "amount"), (2, "amount")]),
    ],
)
def test_a_number_is_of_the_kind_that_its_unit_says(step, expected):
    assert measured(step) == expected


def test_every_unit_has_a_positive_factor_and_a_known_kind():
    assert all(unit.factor > 0 and unit.kind in KINDS for unit in UNITS.values())
    assert {unit.kind for unit in UNITS.values()} | {"number", "amount", "rate"} == set(KINDS)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-30, 1e300, 5.0])
def test_magnitudes_are_finite(value):
    assert math.isfinite(magnitude(value))


near, far = st.floats(-0.04, 0.04), st.floats(0.1, 3.9).flatmap(lambda x: st.sampled_from([x, -x]))


@given(st.floats(-2, 4), near, far)
def test_near_numbers_have_nearer_features_than_far_ones(power, small, large):
    """Near is within 10 %, far is from 26 % to four orders of magnitude."""
    at, close, away = number_features(torch.tensor([power, power + small, power + large]))
    assert (at - close).norm() < (at - away).norm()


def vectors(name, values):
    model = get(name).Encoder(get(name).Config()).eval()
    with torch.inference_mode():
        return model(get(name).collate(values, get(name).Config()))


@pytest.mark.parametrize("seed", range(5))
def test_850_is_nearer_to_900_than_to_300_before_any_training(seed):
    torch.manual_seed(seed)
    z = vectors("text", [(f"Heat at {t} °C for 6 h in air.",) for t in (850, 900, 300)])
    assert (z[0] - z[1]).norm() < (z[0] - z[2]).norm()


def test_equal_quantities_in_other_units_differ_by_the_unit_alone():
    numbers = Numbers(16)
    (hours,), (minutes,) = (filter(None, quantities(tuple(lexemes(t)))) for t in ("1.5 h", "90 min"))
    kinds = torch.tensor([hours[1], minutes[1]])
    one, other = numbers(torch.tensor([hours[0], minutes[0]]), kinds)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_kinds_are_told_apart():
    numbers = Numbers(16)
    z = numbers(torch.ones(len(KINDS)), torch.arange(len(KINDS)))
    assert torch.pdist(z).min() > 1e-3


def test_values_stand_at_the_places_of_their_tokens():
    config = get("text").Config()
    inputs = get("text").collate(examples("text", 7), config)
    from comma_encoders.modalities.text.formulas import ELEMENTS
    from comma_encoders.modalities.text.tokenizer import tokenizer_of

    names = list(tokenizer_of(config).ids)
    for place, kind in zip(inputs["valued"], inputs["kinds"], strict=True):
        symbol = names[inputs["ids"][place]]
        assert symbol in ELEMENTS if KINDS[kind] == "amount" else symbol == "[NUMBER]"
