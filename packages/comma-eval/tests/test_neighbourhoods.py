import numpy as np
import pytest
from comma_data.formulas import composition
from comma_eval.chemistry import cations, distances, fractions
from comma_eval.tasks.neighbourhoods import RIVALS, nearest, same_cations, same_elements
from hypothesis import given, settings
from hypothesis import strategies as st

FORMULAS = (
    "TiO2 Ti2O3 TiO SrTiO3 Sr2TiO4 BaTiO3 Fe2O3 Fe3O4 FeS FeS2 LiFePO4 LiFeO2 NaCl KCl GaAs GaN GaP Ga2O3 CdTe ZnS ZnO "
    "MgO CaO Al2O3 MgAl2O4 CaTiO3 PbTiO3 Si SiC SiO2"
).split()
some = st.lists(st.sampled_from(FORMULAS), unique=True, max_size=30)


def found(matrix, formulas, of):
    return {formulas[j] for j in np.flatnonzero(matrix[formulas.index(of)])}


def test_only_the_amounts_differ_within_the_same_elements():
    matrix = same_elements(FORMULAS)
    assert found(matrix, FORMULAS, "TiO") == {"TiO", "TiO2", "Ti2O3"}
    assert found(matrix, FORMULAS, "Sr2TiO4") == {"SrTiO3", "Sr2TiO4"}
    assert found(matrix, FORMULAS, "BaTiO3") == set()


def test_anions_may_differ_within_the_same_cations():
    matrix = same_cations(FORMULAS)
    assert found(matrix, FORMULAS, "FeS") == {"FeS", "FeS2", "Fe2O3", "Fe3O4"}
    assert found(matrix, FORMULAS, "GaAs") == {"GaAs", "GaN", "GaP", "Ga2O3"}
    assert found(matrix, FORMULAS, "LiFePO4") == set()


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("LiFePO4", "Li Fe P"), ("InP", "In"), ("GaAs", "Ga"), ("Li3AsO4", "Li As"), ("Bi2Te3", "Bi"),
        ("Bi2TeO5", "Bi Te"), ("NH4H2PO4", "P"), ("Na2SO4", "Na"), ("TiB2", "Ti B"), ("MgSi2", "Mg Si"),
        ("Sb2O3", "Sb"), ("CoSb3", "Co"), ("BaSO4", "Ba"), ("H2O", "H O"), ("CO2", "C O"), ("S", "S"), ("P", "P"),
        ("Ni3Al", "Ni Al"), ("XeF6", "Xe"), ("I2O5", "I O"),
    ],
)  # fmt: skip
def test_cations_by_the_written_rule(formula, expected):
    assert cations(composition(formula)) == frozenset(expected.split())


def test_the_nearest_are_those_with_the_fewest_atoms_exchanged():
    assert found(nearest(FORMULAS, 2), FORMULAS, "SrTiO3") == {"SrTiO3", "Sr2TiO4"}
    exchanged_a_fifth = {"SrTiO3", "CaTiO3", "PbTiO3", "TiO2", "Ti2O3"}
    assert found(nearest(FORMULAS, 6), FORMULAS, "BaTiO3") == {"BaTiO3", *exchanged_a_fifth}
    assert found(nearest(FORMULAS, 4), FORMULAS, "BaTiO3") <= {"BaTiO3", *exchanged_a_fifth}


def test_the_distance_is_the_share_of_atoms_exchanged():
    names = ["SrTiO3", "BaTiO3", "NaCl", "TiO2"]
    assert distances([composition("SrTiO3")], [composition(f) for f in names])[0] == pytest.approx([0, 0.2, 1, 0.2])


def test_fractions_sum_to_one():
    table = fractions([composition(formula) for formula in FORMULAS] + [{}])
    assert table.sum(axis=1) == pytest.approx([1.0] * len(FORMULAS) + [0.0])


@settings(max_examples=50)
@given(some, st.randoms(use_true_random=False), st.sampled_from(sorted(RIVALS)))
def test_pools_do_not_depend_on_the_order_of_the_formulas(formulas, random, pool):
    shuffled = random.sample(formulas, len(formulas))
    a, b = RIVALS[pool](formulas), RIVALS[pool](shuffled)
    assert all(found(a, formulas, f) == found(b, shuffled, f) for f in formulas)


@settings(max_examples=50)
@given(some, st.sampled_from(sorted(RIVALS)))
def test_a_gallery_holds_the_formula_and_a_rival_or_nothing(formulas, pool):
    matrix = RIVALS[pool](formulas)
    sizes = matrix.sum(axis=1)
    assert all(size == 0 or (size >= 2 and matrix[i, i]) for i, size in enumerate(sizes))


@settings(max_examples=50)
@given(some, st.integers(2, 40))
def test_galleries_of_the_nearest_have_their_size(formulas, size):
    sizes = nearest(formulas, size).sum(axis=1)
    assert set(sizes.tolist()) <= ({min(size, len(formulas))} if len(formulas) > 1 else {0})


def test_a_formula_that_nobody_knows_is_in_no_gallery():
    formulas = [*FORMULAS, "?entry-1", "?entry-2"]
    for rivals in RIVALS.values():
        matrix = rivals(formulas)
        assert not matrix[-2:].any()
        assert not matrix[:, -2:].any()


def test_ties_are_not_broken_by_name():
    """All of these are equally far from each other; who sorts first must not be everyone's neighbour."""
    formulas = [f"{a}O" for a in "Mg Ca Sr Ba Zn Cd Ni Co Fe Mn Cu Be".split()]
    chosen = nearest(formulas, 2)
    np.fill_diagonal(chosen, val=False)
    assert chosen.sum(axis=0).max() <= 5
