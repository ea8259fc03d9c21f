import math

import pytest
from comma_data.formulas import composition
from comma_data.protocol import Protocol
from comma_eval.baselines import popularity
from comma_eval.precursors import normal, precursor_set, serves, sources, transferred

USUAL = {"Ba": ("BaCO3", "BaCl2"), "Ti": ("TiO2",), "Na": ("NaNbO3", "Na2CO3")}


def recipe(*precursors, target="BaTiO3"):
    return precursor_set(Protocol(target=target, precursors=precursors, operations=()), composition(target))


@pytest.mark.parametrize(
    "spellings",
    [
        ("Ni(NO3)2·6H2O", "Ni(NO3)2", "Ni(NO3)2·xH2O", "NiN2O6", "Ni(NO3)2.6H2O", "Ni(NO3)2··6H2O"),
        ("Mn(CH3COO)2·4H2O", "Mn(CH3CO2)2·(H2O)n", "C4H6MnO4"),
        ("FeC2O4·2H2O", "FeC2O4(H2O)2", "FeC2O4"),
        ("P2O5", "P4O10"),
        ("α-Al2O3", "Al2O3", "Al4O6"),
    ],
)
def test_spellings_and_water_do_not_make_another_precursor(spellings):
    assert len({normal(spelling) for spelling in spellings}) == 1
    assert normal(spellings[0])


@pytest.mark.parametrize(("a", "b"), [("H3BO3", "B2O3"), ("Fe2O3", "Fe3O4"), ("CaCO3", "CaO"), ("LiOH·H2O", "Li2O")])
def test_other_compounds_are_other_precursors(a, b):
    assert normal(a) != normal(b)


@pytest.mark.parametrize("name", ["citric acid", "", "Ti(i-OPr)4", "xLi2O", "BaTiO3 powder"])
def test_what_is_no_formula_is_no_precursor(name):
    assert normal(name) is None


def test_water_itself_is_kept():
    assert normal("H2O") == "H2O"


def test_only_what_brings_a_source_element_counts():
    assert recipe("BaCO3", "TiO2", "C2H5OH", "citric acid", "NaCl", "HNO3") == {"BaCO3", "TiO2"}
    assert recipe("BaCl2·2H2O", "TiCl4") == {"BaCl2", "TiCl4"}


def test_a_set_that_lacks_an_element_is_unknown():
    assert recipe("BaCO3", "Ti(i-OPr)4") is None
    assert recipe("BaTiO3") is None
    assert recipe("CO2", "H2O", target="CH4N2O") is None


def test_sulphur_and_fluorine_have_to_come_from_somewhere():
    assert recipe("ZnO", target="ZnS") is None
    assert recipe("Zn", "S", target="ZnS") == {"Zn", "S"}
    assert sources(composition("LiFePO4")) == {"Li", "Fe", "P"}
    assert sources(composition("BaTiO2F")) == {"Ba", "Ti", "F"}


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("BaCO3", "Ba Ti", True), ("FeCl3", "Fe", True), ("Li3PO4", "Li Co", False), ("Li3PO4", "Li P", True),
        ("SrCO3", "Ba Ti", False), ("Fe2(SO4)3", "Fe", True),
    ],
)  # fmt: skip
def test_what_serves_brings_nothing_else_that_stays(name, target, expected):
    assert serves(name, frozenset(target.split())) is expected


def test_a_recipe_is_carried_over_element_by_element():
    target = frozenset({"Ba", "Ti"})
    assert transferred(frozenset({"SrCO3", "TiO2"}), target, USUAL) == {"BaCO3", "TiO2"}
    assert transferred(frozenset({"Ba(NO3)2", "ZrO2"}), target, USUAL) == {"Ba(NO3)2", "TiO2"}
    assert transferred(frozenset({"BaCO3", "TiO2", "La2O3"}), target, USUAL) == {"BaCO3", "TiO2"}


def test_a_usual_precursor_with_another_element_is_passed_over():
    assert transferred(frozenset({"TiO2"}), frozenset({"Na", "Ti"}), USUAL) == {"Na2CO3", "TiO2"}


def test_nothing_is_carried_over_from_strangers_or_to_unknown_elements():
    assert transferred(frozenset({"ZnO", "Al2O3"}), frozenset({"Ba", "Ti"}), USUAL) is None
    assert transferred(frozenset({"TiO2"}), frozenset({"Ti", "Pu"}), USUAL) is None


RECIPES = [
    (frozenset({"Ba", "Ti"}), frozenset({"BaCO3", "TiO2"})),
    (frozenset({"Ba", "Ti"}), frozenset({"BaCO3", "TiO2"})),
    (frozenset({"Ba", "Zr"}), frozenset({"BaCl2", "ZrO2"})),
    (frozenset({"Ti"}), frozenset({"TiCl4"})),
]


def test_shares_are_of_the_precursors_of_an_element():
    shares = popularity.fit(RECIPES).shares
    assert shares["Ba"] == pytest.approx({"BaCO3": 2 / 3, "BaCl2": 1 / 3})
    assert "Cl" not in shares


def test_the_likeliest_sets_come_first():
    found = popularity.fit(RECIPES).ranked(frozenset({"Ba", "Ti"}), 10)
    assert found[0] == {"BaCO3", "TiO2"}
    assert set(found) == {frozenset({a, b}) for a in ("BaCO3", "BaCl2") for b in ("TiO2", "TiCl4")}
    chances = [math.prod({"BaCO3": 2, "BaCl2": 1, "TiO2": 2, "TiCl4": 1}[name] for name in one) for one in found]
    assert chances == sorted(chances, reverse=True)


def test_nobody_knows_a_set_for_an_unknown_element():
    assert popularity.fit(RECIPES).ranked(frozenset({"Ba", "Pu"}), 10) == []
