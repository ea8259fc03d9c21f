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
    "text",
    [
        "cooled by 20 K to the glass",
        "by about 10-20 K",
        "at ΔT = 20 K, or a ΔT of 5 K",
        "within 5 K",
        "in steps of 50 K",
        "held at 1173 ± 5 K or 1173 +/- 5 K, 1173 +-5 K, 1173+/-5 K",
        "ΔT = -20 K",
        "5 K every hour, 5 °C every hour, 5 K an hour, 3 K a minute",
        "SrTiO3 with 0.02 K dopant, at 0.5 K",
        "10K rpm, 10 K rpm, a 4K camera, 50 K magnification, 20 K×",
        "20 K below the melting point, 5 K higher",
        "5 K/min, 5 K / min, 20 K/cm, 5 °C /h",
    ],
)
def test_differences_rates_and_thousands_are_no_temperatures(text):
    assert list(temperatures(text)) == []
    assert in_celsius(text) == text


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [
        ("at 1173 K/6 h in air", [899.85], "at 899.85 °C/6 h in air"),
        ("at 1173 K / 6 h", [899.85], "at 899.85 °C / 6 h"),
        ("900 °C/2 h", [900], "900 °C/2 h"),
        ("milling followed by 1173 K for 2 h", [899.85], "milling followed by 899.85 °C for 2 h"),
        ("4.2 K, and from 0 to 300 K", [-268.95, -273.15, 26.85], "-268.95 °C, and from -273.15 to 26.85 °C"),
        ("1173 K × 2 h, +300 K", [899.85, 26.85], "899.85 °C × 2 h, +26.85 °C"),
        ("fired at 1173 K a second time", [899.85], "fired at 899.85 °C a second time"),
        ("in the temperature interval 160-300 K", [-113.15, 26.85], "in the temperature interval -113.15-26.85 °C"),
        ("cooled by 20 K to 1173 K", [899.85], "cooled by 20 K to 899.85 °C"),
    ],
)
def test_what_stands_around_a_temperature_hides_it_not(text, expected, told):
    assert list(temperatures(text)) == pytest.approx(expected)
    assert in_celsius(text) == told


@given(kelvin=st.integers(1, 4000), before=st.sampled_from(["at", "to", "from", "near", "T =", "(", "and"]))
def test_plain_temperatures_in_kelvin_are_found(kelvin, before):
    assert list(temperatures(f"was heated {before} {kelvin} K in air")) == pytest.approx([kelvin - 273.15])


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


@pytest.mark.parametrize(
    "unit", ["1,", "1 ", "9", "1-", "- ", "1 to ", "1,000,", "1 °C ", "by 1 K ", "± 5 K ", "1 K\n"]
)
def test_hostile_texts_are_searched_in_time(unit):
    began = time.process_time()
    list(temperatures(unit * (200_000 // len(unit))))
    assert time.process_time() - began < 10.0  # it is less than a second; what is quadratic takes minutes
