import json
import lzma
import re
from collections import Counter

import pytest
from comma_data.formulas import classify, composition, reduced
from hypothesis import given
from hypothesis import strategies as st

PENTAHYDRATE = {"Cu": 1.0, "S": 1.0, "O": 9.0, "H": 10.0}


@pytest.mark.parametrize("text", ["CuSO4.5H2O", "CuSO4·5H2O", "CuSO4⋅5H2O", "CuSO4*5(H2O)", " CuSO4·5H2O "])
def test_hydrates_in_every_spelling(text):
    formula = classify(text)
    assert (formula.kind, formula.water, dict(formula.amounts)) == ("hydrate", 5.0, PENTAHYDRATE)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("BaTiO3", "plain"),
        ("Bi2(Zn1/3Nb2/3)2O7", "plain"),
        ("Li[Li0.2Ni0.13Mn0.54Co0.13]O2", "plain"),
        ("α-NaFeO2", "plain"),
        ("MgSO4.0.5H2O", "hydrate"),
        ("Cu(II)", "unparsable"),
        ("iron(III)", "unparsable"),
        ("BiI3", "plain"),
        ("Na0.5CoO2·1.3H2O", "hydrate"),
        ("La0.8Sr0.2CoO3-δ", "variable"),
        ("LaNixCo1-xO3", "variable"),
        ("LiM0.25Ni0.25Mn1.5O4", "variable"),
        ("Na2CO3·xH2O", "variable"),
        ("Mn(CH3CO2)2·(H2O)n", "variable"),
        ("LiFePO4/C", "composite"),
        ("Ca2SnO4:Eu3+", "composite"),
        ("12CaO·7Al2O3", "composite"),
        ("0.94(Bi0.5Na0.5TiO3)-0.06(BaTiO3)", "composite"),
        ("barium titanate", "unparsable"),
        ("YAG", "unparsable"),
        ("D2O", "unparsable"),
        ("", "unparsable"),
        ("()", "unparsable"),
        ("2H2O", "unparsable"),
        ("O0", "unparsable"),
        ("Ba" * 200, "unparsable"),
    ],
)
def test_kinds(text, kind):
    formula = classify(text)
    assert formula.kind == kind
    assert bool(formula.amounts) == (kind in {"plain", "hydrate"})


def test_amounts_multiply_through_brackets():
    assert classify("Al2(SO4)3").amounts == {"Al": 2.0, "S": 3.0, "O": 12.0}
    assert classify("K4[Fe(CN)6]").amounts == {"K": 4.0, "Fe": 1.0, "C": 6.0, "N": 6.0}


@given(st.text(max_size=300) | st.text("BaTiO123().·-xδ/:{}[]H", max_size=40))
def test_no_string_raises_and_only_readable_ones_have_amounts(text):
    formula = classify(text)
    assert bool(formula.amounts) == (formula.kind in {"plain", "hydrate"})
    if formula.amounts:
        assert composition(reduced(formula.amounts)).keys() == formula.amounts.keys()


@given(
    st.dictionaries(st.sampled_from(["Ba", "Ti", "O", "Fe", "He"]), st.integers(1, 20), min_size=1),
    st.integers(2, 9),
)
def test_reduced_formula_does_not_depend_on_scale_or_order(amounts, times):
    name = reduced(amounts)
    assert reduced({e: n * times for e, n in reversed(amounts.items())}) == name
    assert reduced({e: n / 10 for e, n in amounts.items()}) == name
    assert reduced(composition(name)) == name


def test_thirds_written_as_decimals_are_thirds_and_dopants_are_not_lost():
    assert reduced({"Bi": 2, "Zn": 0.667, "Nb": 1.333, "O": 7}) == reduced(classify("Bi2(Zn1/3Nb2/3)2O7").amounts)
    assert reduced({"Sc": 1.998, "Er": 0.002, "O": 3}) != "Sc2O3"


def test_reduced_refuses_what_is_no_composition():
    for amounts in ({}, {"Xx": 1.0}, {"O": 0.0}):
        with pytest.raises(ValueError, match="no composition"):
            reduced(amounts)


def test_every_target_of_the_real_recipes_is_classified(data_root):
    kinds: Counter[str] = Counter()
    for path in sorted((data_root / "synthesis-recipes").glob("*.json.xz")):
        with lzma.open(path) as file:
            reactions = json.load(file)["reactions"]
        kinds.update(classify(recipe["target"]["material_string"]).kind for recipe in reactions)
    assert kinds == {"plain": 13167, "hydrate": 9, "variable": 7334, "composite": 1996, "unparsable": 2807}


def test_an_oxidation_state_read_as_iodine_would_be_seen(monkeypatch):
    assert classify.__wrapped__("Cu(II)").kind == "unparsable"
    monkeypatch.setattr("comma_data.formulas._OXIDATION", re.compile("(?!)"))
    assert classify.__wrapped__("Cu(II)").amounts == {"Cu": 1.0, "I": 2.0}
