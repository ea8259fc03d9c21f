"""Reduced cells and charge balance, against pymatgen."""

import numpy as np
import pytest
from comma_data.charges import charge_balance
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.lattice import reduce_vectors, reduced_where_skewed
from comma_data.validate import check_structure, heights
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice

YES = np.ones(3, dtype=bool)

cells = st.tuples(*[st.floats(3, 9)] * 3, *[st.floats(60, 110)] * 3)
mixing = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-9, 9)), max_size=6)


def mixed(parameters, changes):
    rows = np.array(Lattice.from_parameters(*parameters).matrix)
    for i, j, times in changes:
        if i != j:
            rows[i] += times * rows[j]
    return rows


@given(cells, mixing)
def test_reduced_vectors_span_the_same_lattice_and_are_the_shortest(parameters, changes):
    rows = mixed(parameters, changes)
    reduced = reduce_vectors(rows)
    whole = reduced @ np.linalg.inv(rows)
    assert np.abs(whole - np.round(whole)).max() < 1e-3
    assert np.linalg.det(np.round(whole)) == pytest.approx(1)
    theirs = Lattice(mixed(parameters, [])).get_niggli_reduced_lattice()
    assert sorted(np.linalg.norm(reduced, axis=1)) == pytest.approx(sorted(theirs.abc), rel=1e-5)


@given(cells, mixing, st.sampled_from([(0, 1), (0, 2), (1, 2)]))
def test_a_slab_keeps_its_plane(parameters, changes, axes):
    rows = mixed(parameters, [])
    periodic = np.isin(np.arange(3), axes)
    rows[~periodic] = 0
    first, second = axes
    rows[first] += 30 * rows[second]
    reduced = reduced_where_skewed(rows, periodic)
    if reduced is None:
        plane = rows[periodic]
        assert np.linalg.norm(np.cross(*plane)) / np.linalg.norm(plane, axis=1).max() >= 1
        return
    assert not reduced[~periodic].any()
    assert np.linalg.norm(np.cross(*reduced[periodic])) == pytest.approx(np.linalg.norm(np.cross(*rows[periodic])))


def test_only_skewed_cells_are_touched():
    skewed = np.array([[4.0, 0, 0], [400, 4, 0], [0, 0, 4]])
    assert heights(skewed).min() < 1
    assert heights(reduced_where_skewed(skewed, YES)).min() == pytest.approx(4)
    for cell in (np.eye(3) * 4, np.diag([4, 4, 0.5]), np.zeros((3, 3)), np.full((3, 3), np.nan), np.eye(3) * 1e300):
        assert reduced_where_skewed(cell, YES) is None
    assert reduced_where_skewed(skewed, ~YES) is None


def test_a_reduced_structure_passes_the_guard():
    skewed = np.array([[4.0, 0, 0], [400, 4, 0], [0, 0, 4]])
    structure = {
        "numbers": np.array([11, 17]),
        "positions": np.array([[0.0, 0, 0], [2, 2, 2]]),
        "cell": reduced_where_skewed(skewed, YES),
        "periodic": YES,
    }
    check_structure(structure)


def of(formula, **more):
    amounts = Composition(formula).get_el_amt_dict()
    numbers = [ATOMIC_NUMBERS[symbol] for symbol, n in amounts.items() for _ in range(int(n))]
    return {"numbers": np.array(numbers), **more}


@pytest.mark.parametrize(
    ("formula", "balance"),
    [
        ("NaCl", "balanced"),
        ("Fe3O4", "balanced"),
        ("Na4Cl4", "balanced"),
        ("NaCl2", "unbalanced"),
        ("Li9O", "unbalanced"),
        ("NiAl", "metallic"),
        ("Fe", "metallic"),
        ("O2", "balanced"),
        ("HeO", "unknown"),
    ],
)
def test_balance_by_tabulated_states(formula, balance):
    assert charge_balance(of(formula)) == balance


@pytest.mark.parametrize(
    ("charges", "balance"),
    [([1, -1, 1, -1], "balanced"), ([1, -1, 1, -0.95], "balanced"), ([1, -1, 1, -0.8], "unbalanced")],
)
def test_balance_by_stated_charges_per_formula_unit(charges, balance):
    assert charge_balance(of("Na2Cl2", charges=np.array(charges, dtype=float))) == balance


def test_the_rule_is_that_of_pymatgen():
    rng = np.random.default_rng(1)
    elements = np.array("Li Na Mg Al Fe Mn Cu Ce Sn P S N Cl O H B".split())
    for _ in range(150):
        chosen = rng.choice(elements, size=rng.integers(2, 5), replace=False)
        formula = "".join(f"{element}{rng.integers(1, 5)}" for element in chosen)
        reduced = Composition(formula).reduced_composition
        if all(element.is_metal for element in reduced):
            continue
        guess = "balanced" if reduced.oxi_state_guesses() else "unbalanced"
        assert charge_balance(of(formula)) == guess, formula
