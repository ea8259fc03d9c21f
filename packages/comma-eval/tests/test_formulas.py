import pytest
from comma_data.sample import Sample
from comma_eval.baselines.formulas import composition, elements, mixture, named, ratios
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (("Start from BaCO3 and TiO2.", "Mixed in ethanol."), {"Ba", "Ti"}),
        (("Start from Ba(NO3)2, (NH4)2HPO4 and In2O3.",), {"Ba", "P", "In"}),
        (("Start from Ca(NO3)2·4H2O.",), {"Ca"}),
        (("Start from CuSO4.5H2O.",), {"Cu"}),
        (("In air at 900 °C.", "As before.", "No stirring."), set()),
        (("Start from In and Sb.",), {"In", "Sb"}),
        (("Heated in Ar.", "Quenched in N2."), set()),
        (("Mixed with PVP, PVB and UV light.",), set()),
        (("Start from [compound] and [compound].",), set()),
        (("Calcined at 1100 °C for 6 h in O2.",), set()),
        ((), set()),
    ],
)
def test_elements_of_the_formulas_in_a_text(steps, found):
    assert elements(steps) == found


def test_moles_weigh_the_formulas():
    steps = ("Start from Bi2O3 and TiO2.", "Balanced amounts, derived from the target: 2 mol Bi2O3, 3 mol TiO2.")
    assert mixture(steps) == {"Bi": 4, "Ti": 3, "O": 12}
    assert named(steps) == mixture(steps)
    assert ratios(mixture(steps)) == pytest.approx({"Bi": 4 / 7, "Ti": 3 / 7})


def test_without_moles_every_material_counts_once():
    steps = ("Start from Bi2O3 and TiO2.",)
    assert mixture(steps) is None
    assert named(steps) == {"Bi": 2, "Ti": 1, "O": 5}


def test_temperatures_and_times_are_no_moles():
    assert mixture(("Heated at 900 °C in N2.", "Milled for 12 h in ZrO2 jars.")) is None


def test_a_structure_is_counted(make_structure):
    sample = Sample(id="x", fields={"structure": (make_structure("Ba", "Ti", "O", "O", "O"),)}, groups={})
    assert composition(sample) == {"Ba": 1, "Ti": 1, "O": 3}


def test_a_stated_composition_comes_first():
    assert composition(Sample(id="x", fields={"composition": ({"Li": 0.5},)}, groups={})) == {"Li": 0.5}


@given(st.lists(st.text(max_size=60), max_size=3))
def test_no_text_breaks_the_reader(steps):
    elements(tuple(steps))
    named(tuple(steps))
