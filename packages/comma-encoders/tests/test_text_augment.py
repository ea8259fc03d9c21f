"""Other words, the same chemistry."""

import os
import tarfile
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from comma_encoders.modalities.text.augment import augment, mere_handling
from comma_encoders.modalities.text.formulas import ELEMENTS, parse
from comma_encoders.modalities.text.lexer import lexemes
from comma_encoders.modalities.text.units import BY_SYMBOL, UNITS
from comma_encoders.modalities.text.wording import FILLERS, HANDLING, REPLACEMENTS, SYNONYMS
from hypothesis import given, settings
from hypothesis import strategies as st

CHEMISTRY = {"[FORMULA]", "[NUMBER]", "[compound]", "[target]", *ELEMENTS, *BY_SYMBOL}
CONDITIONS = (
    "air argon nitrogen oxygen hydrogen vacuum ethanol acetone water alumina platinum not slowly rapidly".split()
)
PHRASES = [*REPLACEMENTS, *FILLERS, "in air", "in ethanol", "at 850 °C", "for 6 h", "of BaCO3 (0.5 g)", "not", "slowly"]
steps = st.lists(st.sampled_from(PHRASES), min_size=1, max_size=9).map(lambda p: " ".join(p).capitalize() + ".")
protocols = st.lists(steps, min_size=1, max_size=5).map(tuple)


def chemistry(protocol):
    """Formulas, elements with amounts, numbers and units, and words of atmospheres and media, each with its count."""
    read = chain.from_iterable(lexemes(step) for step in protocol)
    return Counter(lexeme for lexeme in read if lexeme[0] in CHEMISTRY or lexeme[0] in CONDITIONS)


def rest(protocol):
    """All words that no table holds."""
    known = {part for phrase in (*REPLACEMENTS, *FILLERS, *HANDLING) for part, _ in lexemes(phrase)}
    read = chain.from_iterable(lexemes(step) for step in protocol)
    return Counter(symbol for symbol, _ in read if symbol not in known and symbol.isalpha())


@settings(max_examples=50)
@given(protocols, st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 2.0]))
def test_chemistry_never_changes(protocol, seed, strength):
    changed = augment(protocol, np.random.default_rng(seed), strength)
    assert chemistry(changed) == chemistry(protocol)
    assert rest(changed) == rest(protocol)
    assert len(changed) >= 1


@settings(max_examples=30)
@given(protocols)
def test_strength_zero_changes_nothing(protocol):
    assert augment(protocol, np.random.default_rng(0), 0.0) == protocol


def test_the_same_chance_gives_the_same_variant():
    protocol = ("Mixed and ground thoroughly.", "Grind.", "Calcined at 900 °C.") * 3
    first, again = (augment(protocol, np.random.default_rng(5)) for _ in range(2))
    assert first == again != protocol


def test_words_are_exchanged_and_fillers_left_out():
    protocol = ("BaCO3 and TiO2 were mixed thoroughly and ball-milled in ethanol.", "Grind.", "Calcined at 900 °C.")
    variants = {augment(protocol, np.random.default_rng(seed)) for seed in range(200)}
    firsts, lasts = {v[0] for v in variants}, {v[-1] for v in variants}
    assert "BaCO3 and TiO2 were blended and ball milled in ethanol." in firsts
    assert lasts == {"Calcined at 900 °C.", "Calcinated at 900 °C."}
    assert {len(v) for v in variants} == {2, 3}


def test_the_first_step_stays_even_if_it_only_handles():
    assert all(len(augment(("Grind.", "Heat."), np.random.default_rng(s), 9.0)) == 2 for s in range(20))


@pytest.mark.parametrize("step", ["Ground.", "Collect the powder.", "Transferred into a crucible."])
def test_mere_handling(step):
    assert mere_handling(step)


@pytest.mark.parametrize("step", ["Ground in ethanol.", "Heat.", "Ground for 2 h.", "Quench.", "Mixed.", "Dry.", "."])
def test_more_than_handling(step):
    assert not mere_handling(step)


def test_no_word_of_the_tables_is_chemistry():
    words = [word for phrase in (*chain(*SYNONYMS), *FILLERS, *HANDLING) for word in phrase.split()]
    assert not {w for w in words if w in CONDITIONS or (w in UNITS and w != "a") or any(c.isdigit() for c in w)}
    assert not [w for w in words if w[0].isupper() and parse(w)]


def test_a_phrase_stands_in_one_set_only():
    assert max(Counter(chain(*SYNONYMS)).values()) == 1
    assert all(len(line) > 1 and word == word.lower() for line in SYNONYMS for word in line)


def test_formulas_and_hyphens_are_not_taken_for_words():
    step = "The as-mixed powder (PrEsSed) and Mix-ed [mixed] remain."
    assert augment((step,), np.random.default_rng(1), 9.0)[0].count("mixed") == step.count("mixed")


@pytest.mark.skipif("COMMA_DATA" not in os.environ, reason="COMMA_DATA names no folder with procedures")
def test_chemistry_never_changes_in_real_procedures():
    from comma_encoders.modalities.text.coerce import coerce

    changed = 0
    texts = procedures(Path(os.environ["COMMA_DATA"]))[::5]
    for number, text in enumerate(texts):
        protocol = coerce(text)
        variant = augment(protocol, np.random.default_rng(number))
        assert chemistry(variant) == chemistry(protocol)
        assert rest(variant) == rest(protocol)
        changed += variant != protocol
    assert len(texts) == 25
    assert changed > 0.8 * len(texts)


def procedures(root):
    with tarfile.open(root / "procedures" / "full-text.tar.gz") as tar:
        return [tar.extractfile(member).read().decode() for member in tar if member.name.endswith(".txt")]
