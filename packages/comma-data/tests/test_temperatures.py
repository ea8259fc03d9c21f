import time

import pytest
from comma_data.curate import curate
from comma_data.sample import Record
from comma_data.temperatures import impossible, in_celsius, numbers, temperatures
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [
        ("fired at 900-1250 degC in air", [900, 1250], "fired at 900-1250 °C in air"),
        ("at 1273 K for 2 h", [999.85], "at 999.85 °C for 2 h"),
        ("77–300 K", [-196.15, 26.85], "-196.15–26.85 °C"),
        ("from 20 to -196 °C", [-196], "from 20 to -196 °C"),
        ("900 -1250 °C", [900, 1250], "900 -1250 °C"),
        ("5 °C/min or 5 K min-1", [], "5 °C/min or 5 K min-1"),
        ("80 ºC, 90℃ and 1,000 deg C", [80, 90, 1000], "80 °C, 90 °C and 1,000 °C"),
        ("4 K2CO3, x = 0.5 K-doped", [], "4 K2CO3, x = 0.5 K-doped"),
        ("150degC, T=900°C (25 °C) 70 oC", [150, 900, 25, 70], "150 °C, T=900 °C (25 °C) 70 °C"),
        ("cooled to −300 °C", [-300], "cooled to −300 °C"),
        ("5 kV, 30 h, 2 C", [], "5 kV, 30 h, 2 C"),
    ],
)
def test_temperatures_are_found_and_told_in_celsius(text, expected, told):
    assert list(temperatures(text)) == pytest.approx(expected)
    assert in_celsius(text) == told


@pytest.mark.parametrize(
    ("words", "before", "expected"),
    [
        ("-78", "t ", [-78]),
        ("−78.5", "t ", [-78.5]),
        ("1,100", "", [1100]),
        ("1,100-1,250", "", [1100, 1250]),
        ("-78 to -20", "", [-78, -20]),
        ("900 -1250", "", [900, 1250]),
        ("-1250", "00", [1250]),
        ("-1250", "0 ", [1250]),
        ("25 +-2", "", [25, 2]),
        ("1,1000", "", [1, 1000]),
        ("0.1; 0.2", "", [0.1, 0.2]),
        ("x10-5", "", [10, 5]),
        ("three", "", []),
    ],
)
def test_numbers_keep_their_minus_and_their_thousands(words, before, expected):
    assert list(numbers(words, before=before)) == expected


@given(degrees=st.integers(-400, 9000), unit=st.sampled_from(["°C", " °C", " degC", " K", "℃"]))
def test_impossible_temperatures_are_seen_in_every_unit(degrees, unit):
    value = degrees - 273.15 if unit == " K" else degrees
    found = impossible(f"It was held at {degrees}{unit} for 2 h.")
    assert (found is None) == (-273.15 <= value <= 4000)


@given(text=st.text())
def test_celsius_stays_celsius(text):
    assert list(temperatures(in_celsius(text))) == pytest.approx(list(temperatures(text)), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize(("text", "code"), [("at 9000 °C", "impossible-temperature"), ("  ", "empty-text")])
def test_curation_refuses_written_texts_with_a_code(text, code):
    record = Record(source="texts", key="a", modality="text", value=("Mixed.", text), formula=None)
    (refusal,) = curate([record]).refused if code != "empty-text" else curate([_empty(record)]).refused
    assert refusal.code == code


def _empty(record):
    return Record(source=record.source, key=record.key, modality="text", value=(), formula=None)


@pytest.mark.parametrize("unit", ["1,", "1 ", "9", "1-", "- ", "1 to ", "1,000,", "1 °C "])
def test_hostile_texts_are_searched_in_time(unit):
    began = time.perf_counter()
    list(temperatures(unit * (200_000 // len(unit))))
    assert time.perf_counter() - began < 1.0
