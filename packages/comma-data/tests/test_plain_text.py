import re
import time
import unicodedata

import pytest
from comma_data.formulas import composition
from comma_data.names import canonical, names_target
from comma_data.plain_text import TARGET, without_materials, without_target
from comma_data.protocol import PLACEHOLDER, VIEWS, plain_steps
from hypothesis import given
from hypothesis import strategies as st

TARGETS = ("BaTiO3", "LiFePO4", "SnO2", "Li5Co(Ni2O5)2", "CuH10SO9", "Fe2O3", "Si", "MnP2H2O7", "Ba2YCu3O7")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
WORDS = "was prepared from BaCO3 and TiO2 in ethanol at 850 °C for 5 h (NH4)2HPO4 N2/H2 Ar, steel. The in".split()


@st.composite
def spellings(draw, formula):
    """A formula in another order, with other amounts, brackets, subscripts, joints, punctuation or spaces."""
    parts = [[e, n] for e, n in composition(formula).items()]
    factor = draw(st.sampled_from([1, 2, 0.5]))
    parts = draw(st.permutations(parts))
    told = [element + ("" if n * factor == 1 else f"{n * factor:g}") for element, n in parts]
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(told) - 1))
        told[cut:] = ["(", *told[cut:], ")"]
    word = draw(st.sampled_from(["", " "])).join(told)
    if "(" not in word and draw(st.booleans()):
        word = word.translate(SUBSCRIPTS)
    elif "(" not in word:
        mark = draw(
            st.sampled_from([r"\g<0>", r"<sub>\g<0></sub>", r"$_{\g<0>}$", r"$_\g<0>$", r"_{\g<0>}", r"_\g<0>"])
        )
        word = re.sub(r"\d+(?:\.\d+)?", mark, word)
    before, after = (
        draw(st.sampled_from(["", "(", "C@", "α-", "2", "Ag/", "“"])),
        draw(st.sampled_from(["", ")", ".", "-based", "/C", ", ", ":", "”", "'s", "’s,", "_powder"])),
    )
    return word if " " in word else before + word + after


@st.composite
def texts(draw):
    formula = draw(st.sampled_from(TARGETS))
    word = st.sampled_from(WORDS) | spellings(formula)
    return formula, " ".join(draw(st.lists(word, max_size=8))), draw(spellings(formula))


def told_words(text):
    plain = re.sub(r"[$_{}]|</?sub>|['’]s\b|_powder", "", unicodedata.normalize("NFKC", text))
    return [w for chunk in plain.split() for w in (chunk, *re.findall(r"[A-Za-z0-9.()]+", chunk))]


@given(case=texts(), view=st.sampled_from(sorted(VIEWS)))
def test_no_view_of_a_written_text_tells_the_target_in_any_spelling(case, view):
    formula, text, spelt = case
    told = " ".join(plain_steps((text, f"We made {spelt} from it."), formula, view))
    seen = [w for w in told_words(told) if names_target(w.strip(".,"), formula)]
    assert not seen, (text, spelt, told)
    pieces = told.split(" ")
    spaced = ["".join(pieces[i:j]) for i in range(len(pieces)) for j in range(i + 2, i + 6)]
    assert not [s for s in spaced if canonical(s.strip(".,")) == canonical(formula)], (text, spelt, told)


@given(case=texts())
def test_masked_text_names_no_formula(case):
    formula, text, _ = case
    for word in told_words(without_materials(f"made {text}", formula, PLACEHOLDER)):
        assert not any(name in word for name in ("BaCO3", "TiO2", "ethanol", "N2", "H2", "HPO4")), word


@pytest.mark.parametrize(
    ("step", "formula", "expected"),
    [
        ("Barium titanate powder was fired.", "BaTiO3", "[target] powder was fired."),
        ("tin(IV) oxide and stannic oxide.", "SnO2", "[target] and [target]."),
        ("Zinc nitrate gave zinc oxide.", "ZnO", "Zinc nitrate gave [target]."),
        ("Silica and quartz", "SiO2", "[target] and [target]"),
        ("Iron was melted with iron oxide.", "Fe", "[target] was melted with iron oxide."),
        ("TiO2NPs on BaTiO3NCs", "TiO2", "[target] on BaTiO3NCs"),
        ("CuSO4 · 5H2O from CuSO4.", "CuH10SO9", "[target] from CuSO4."),
        ("Made (Ba Ti O3) and [Ba TiO 3].", "BaTiO3", "Made [target] and [target]."),
        ("A (Ba Ti) alloy, Ti (Ba O3)", "BaTiO3", "A (Ba Ti) alloy, [target]"),
        ("0.9BaTiO3–0.1SrTiO3", "BaTiO3", "[target]–0.1SrTiO3"),
        ("BaCO3 stays, as CaTiO3 does.", "BaTiO3", "BaCO3 stays, as CaTiO3 does."),
        (r"$\mathrm{BaTiO_3}$ and \ce{BaTiO3}", "BaTiO3", "[target] and [target]"),
        ("Ba<sub>1</sub>TiO<SUB>3</SUB>, BaTiO~3~; BaTiO <sub>3</sub>", "BaTiO3", "[target], [target]; [target]"),
        ("It is BaTiO_3. And BaTiO_{3}, BaTiO_3: so.", "BaTiO3", "It is [target]. And [target], [target]: so."),
        ("BaTiO3's, BaTiO3_600C and BaTiO_3_a", "BaTiO3", "[target]'s, [target]_600C and [target]_a"),
        ("BaTi_2O_5 at 5_3, BaTi$_2$O$_5$ stay.", "BaTiO3", "BaTi_2O_5 at 5_3, BaTi$_2$O$_5$ stay."),
        ("Heated at 1273 K, 5 K/min, in N2.", None, "Heated at 999.85 °C, 5 K/min, in N2."),
    ],
)
def test_only_the_target_is_hidden(step, formula, expected):
    assert without_target(step, formula) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("In air, the barium nitrate solution was dried.", f"In air, the {PLACEHOLDER} solution was dried."),
        ("LiNi0.8Co0.1Mn0.1O2 and Li1-xCoO2", f"{PLACEHOLDER} and {PLACEHOLDER}"),
        ("But not cut: 300 K, 5 V, 20 Pa, 3 N", "But not cut: 26.85 °C, 5 V, 20 Pa, 3 N"),
        ("TiO<sub>2</sub>, BaCO$_3$ and H_2O in S1_500", f"{PLACEHOLDER}, {PLACEHOLDER} and {PLACEHOLDER} in S1_500"),
        ("citric acid with PVP in ethanol", f"{PLACEHOLDER} acid with {PLACEHOLDER} in {PLACEHOLDER}"),
        ("precipitate, filtrate and plate at this rate", "precipitate, filtrate and plate at this rate"),
        ("a stainless steel ball mill under vacuum", "a stainless steel ball mill under vacuum"),
    ],
)
def test_masked_keeps_the_words_that_are_no_materials(step, expected):
    assert without_materials(step, None, PLACEHOLDER) == expected


def test_a_missing_guard_would_be_seen():
    naive = "BaTiO3 was made".replace("BaTiO3", TARGET)
    assert without_target("BaTiO₃ was made", "BaTiO3") == naive
    assert "BaTiO₃ was made".replace("BaTiO3", TARGET) != naive


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "( ",
        "Ba ",
        "Ba-",
        "BaTiO3",
        "Ba Ti O3 ",
        "barium titanate ",
        "a-",
        "(" * 190 + " ",
        "<sub>",
        "_3",
        "$_",
        "~3",
    ],
)
def test_hostile_texts_take_no_longer_than_a_second(unit):
    began = time.perf_counter()
    without_materials(unit * (20_000 // len(unit)), "BaTiO3", PLACEHOLDER)
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("zinc oxide", "ZnO", True),
        ("tin(IV) oxide powder", "SnO2", False),
        ("Tin(IV) oxide", "SnO2", True),
        ("Barium Titanates", "BaTiO3", True),
        ("iron oxide", "Fe", False),
        ("iron", "Fe", True),
        ("carbon dioxide", "C", False),
        ("titanate", "TiO2", False),
        ("zinc nitrate", "ZnO", False),
    ],
)
def test_a_systematic_name_is_the_target_where_it_tells_its_elements(name, target, expected):
    assert names_target(name, target) == expected
