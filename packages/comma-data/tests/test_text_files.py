import unicodedata

import pytest
from comma_data.sentences import sentences
from comma_data.text_files import LONGEST_TEXT, TextError, cleaned, decoded
from hypothesis import given
from hypothesis import strategies as st


@given(text=st.text(st.characters(codec="utf-8")))
def test_a_cleaned_text_is_composed_and_visible(text):
    try:
        clean = cleaned(text)
    except TextError as error:
        assert error.code in {"bad-text", "empty-text"}  # noqa: PT017 - either outcome is right, by the text
        return
    assert clean.strip()
    assert unicodedata.is_normalized("NFC", clean)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} for c in clean if c not in "\n\t")
    assert cleaned(clean) == clean


@given(data=st.binary())
def test_bytes_decode_strictly_or_not_at_all(data):
    try:
        assert decoded(data) == data.decode("utf-8").removeprefix("\ufeff")
    except TextError as error:
        assert error.code == "not-utf-8"  # noqa: PT017 - either outcome is right, by the bytes
        with pytest.raises(UnicodeDecodeError):
            data.decode("utf-8")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-text"),
        (" \n\t\u200b", "empty-text"),
        ("a\x00b", "bad-text"),
        ("a\x1bb", "bad-text"),
        ("\ud800", "bad-text"),
        ("25 \uf0b0C", "bad-text"),
        ("abc \u202edef", "bad-text"),
        ("\u2066abc", "bad-text"),
        ("a" + "\u0316\u0300" * 20, "bad-text"),
        ("a" * (LONGEST_TEXT + 1), "text-too-long"),
    ],
)
def test_texts_that_cannot_be_used_have_a_code(text, code):
    with pytest.raises(TextError) as error:
        cleaned(text)
    assert error.value.code == code
    assert error.value.exit_code == 3


def test_what_typesetting_leaves_is_taken_out():
    assert cleaned("cal\u00adcined\u200b\r\nat e\u0301 \ufeff\u2028x\ry") == "calcined\nat é \nx\ny"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was mixed, e.g. In a mill. Then fired.", ("It was mixed, e.g. In a mill.", "Then fired.")),
        ("0.5 g and 1.25 mol of A. Next.", ("0.5 g and 1.25 mol of A.", "Next.")),
        ("Heated at approx. 500 °C. Cooled!", ("Heated at approx. 500 °C.", "Cooled!")),
        ("One\n\n two ; Three? (Four)", ("One", "two ;", "Three?", "(Four)")),
        ("see Fig. 3 of Li et al. 2010 resp. No. 4", ("see Fig. 3 of Li et al. 2010 resp. No. 4",)),
        ("  \n ", ()),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


@given(text=st.text(st.sampled_from("Aa1. ;\n(e.g.")))
def test_no_word_is_lost_between_sentences(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
