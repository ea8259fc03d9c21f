"""Compositions: statistics that can be computed by hand, and bad values."""

import numpy as np
import pytest
import torch
from comma_encoders.element_properties import (
    PROPERTIES,
    SYMBOLS,
    property_table,
    raw_table,
    valence,
)
from comma_encoders.element_statistics import ward
from comma_encoders.errors import InputError
from comma_encoders.modalities.composition import coerce as composition
from comma_encoders.modalities.composition.config import Config
from comma_encoders.modalities.composition.elements import collate
from comma_encoders.modalities.composition.encoder import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element, Species

STATISTICS = ("mean", "average deviation", "minimum", "maximum", "range", "mode")
TABLE = property_table()


def fractions(formula):
    return collate([composition.coerce(formula)], Config())["fractions"].double()


def of(name, element):
    return raw_table()[:, [list(PROPERTIES).index(name)]][SYMBOLS.index(element), 0]


@pytest.mark.parametrize(
    ("formula", "name", "expected"),
    [
        # Pauling: Na 0.93, Cl 3.16
        ("NaCl", "electronegativity (Pauling)", (2.045, 1.115, 0.93, 3.16, 2.23, 2.045)),
        # rows 4 and 2 in fractions 0.4 and 0.6
        ("Fe2O3", "row", (2.8, 0.96, 2, 4, 2, 2)),
        # Ba 56, Ti 22, O 8 in fractions 0.2, 0.2, 0.6
        ("BaTiO3", "atomic number", (20.4, 0.2 * 35.6 + 0.2 * 1.6 + 0.6 * 12.4, 8, 56, 48, 8)),
        ("Cu", "group", (11, 0, 11, 11, 0, 11)),
        # d electrons: Fe 6, O 0
        ("FeO", "d valence electrons", (3, 3, 0, 6, 6, 3)),
    ],
)
def test_statistics_are_those_computed_by_hand(formula, name, expected):
    table = torch.from_numpy(np.nan_to_num(raw_table()[:, [list(PROPERTIES).index(name)]]))
    found = ward(fractions(formula), table)[0].tolist()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5), STATISTICS


@pytest.mark.parametrize(
    ("name", "element", "expected"),
    [
        ("atomic mass (u)", "Fe", 55.845),
        ("ionisation energy (eV)", "H", 13.598),
        ("melting point (K)", "Cu", 1357.77),
        ("electron affinity (eV)", "Cl", 3.613),
        ("van der Waals radius (Å)", "O", 1.52),
        ("largest common oxidation state", "Fe", 3),
        ("p valence electrons", "O", 4),
        ("unfilled p places", "O", 2),
        ("unfilled d places", "Zn", 0),
        ("unfilled f places", "Gd", 7),
        ("d block", "Fe", 1),
    ],
)
def test_properties_are_those_of_a_handbook(name, element, expected):
    assert of(name, element) == pytest.approx(expected, rel=2e-3)


def test_every_property_is_known_for_nearly_all_elements():
    known = np.isfinite(raw_table()[:94]).sum(axis=0)
    assert dict(zip(PROPERTIES, known.tolist(), strict=True)) == {
        name: pytest.approx(count) for name, count in zip(PROPERTIES, known.tolist(), strict=True) if count >= 82
    }


def test_valence_electrons_add_up_to_the_group():
    main = [Element(s) for s in "Li Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti V Cr Mn Fe".split()]
    for element in main:
        expected = element.group - 10 if element.block == "p" else element.group
        assert sum(valence(element).values()) == expected, element


def test_the_table_is_finite_and_standardised():
    table = property_table()
    assert table.shape == (118, len(PROPERTIES))
    assert torch.isfinite(table).all()
    assert table.mean(dim=0).abs().max() < 0.2


def test_the_table_travels_with_the_weights():
    old, new = Encoder(Config()), Encoder(Config())
    with torch.no_grad():
        old.table += 1
    new.load_state_dict(old.state_dict())
    assert torch.equal(new.table, old.table)


amounts = st.dictionaries(st.sampled_from(SYMBOLS), st.floats(0.01, 100), min_size=1, max_size=6)


@settings(max_examples=40)
@given(amounts, st.floats(0.01, 1000))
def test_only_ratios_count_and_the_order_does_not(value, scale):
    reordered = {symbol: amount * scale for symbol, amount in reversed(value.items())}
    a, b = (ward(collate([v], Config())["fractions"], TABLE) for v in (value, reordered))
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


@settings(max_examples=40)
@given(amounts)
def test_every_statistic_lies_between_the_extremes(value):
    mean, deviation, low, high, spread, common = ward(collate([value], Config())["fractions"], TABLE)[0].view(6, -1)
    for inner in (mean, common):
        assert (inner >= low - 1e-4).all()
        assert (inner <= high + 1e-4).all()
    assert (deviation <= spread + 1e-4).all()


def test_oxidation_states_do_not_matter():
    plain_oxide = composition.coerce(Composition("Fe2O3"))
    charged = composition.coerce(Composition({Species("Fe", 3): 2, Species("O", -2): 3}))
    assert plain_oxide == charged


def test_amounts_count_only_relative():
    a, b = collate([{"Fe": 2, "O": 3}, {"Fe": 4, "O": 6}], Config())["fractions"]
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize("bad", [{}, {"Xx": 1}, {"Fe": -1}, {"Fe": np.nan}, {"Fe": 0}])
def test_bad_compositions_are_refused(bad):
    with pytest.raises(InputError):
        collate([bad], Config())


@pytest.mark.parametrize("bad", ["", "hello", "CuSO4·5H2O", "CuSO4.5H2O", 7, {"Na": "much"}])
def test_what_is_no_plain_formula_is_refused(bad):
    with pytest.raises(InputError):
        composition.coerce(bad)


@pytest.mark.parametrize(
    "hydrate", ["CaSO4.2H2O", "FeCl3.6(H2O)", "(CaSO4.2H2O)", "CaSO4.2 H2O", "CdCl2.2.5H2O", "Na0.5H2O"]
)
def test_water_behind_a_plain_dot_is_not_taken_for_decimals(hydrate):
    with pytest.raises(InputError, match="adducts as one sum"):
        composition.coerce(hydrate)
    assert composition.coerce("LiNi0.5Mn1.5O4") == {"Li": 1, "Ni": 0.5, "Mn": 1.5, "O": 4}
    assert composition.coerce("CaSO4.H2O") == {"Ca": 1, "S": 1, "O": 5, "H": 2}


def test_a_formula_is_a_composition():
    assert composition.coerce("LiFePO4") == {"Li": 1, "Fe": 1, "P": 1, "O": 4}


@pytest.mark.parametrize("adduct", ["Li2O.2SiO2", "BaO.6Fe2O3", "MgCl2.6C2H5OH", "MgCl2.6NH3", "CaO.SiO2"])
def test_compounds_behind_a_plain_dot_are_not_taken_for_decimals(adduct):
    with pytest.raises(InputError, match="not a plain formula"):
        composition.coerce(adduct)


@pytest.mark.parametrize(
    ("formula", "amounts"),
    [
        ("La.7Sr.3MnO3", {"La": 0.7, "Sr": 0.3, "Mn": 1, "O": 3}),
        ("LiNi.5Mn1.5O4", {"Li": 1, "Ni": 0.5, "Mn": 1.5, "O": 4}),
        ("YBa2Cu3O6.5", {"Y": 1, "Ba": 2, "Cu": 3, "O": 6.5}),
        ("LaO0.9F0.1FeAs", {"La": 1, "O": 0.9, "F": 0.1, "Fe": 1, "As": 1}),
    ],
)
def test_decimals_are_decimals(formula, amounts):
    assert composition.coerce(formula) == pytest.approx(amounts)
