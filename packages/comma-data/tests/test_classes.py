import numpy as np
import pytest
from comma_data.classes import CLASSES, LARGE, class_of
from comma_data.errors import ConfigError


def crystal(sites, periodic=(True, True, True)):
    """So many atoms somewhere."""
    return {
        "numbers": np.full(sites, 11),
        "positions": np.arange(3.0 * sites).reshape(-1, 3),
        "cell": np.eye(3) * 50.0,
        "periodic": np.array(periodic),
    }


@pytest.fixture
def of(make):
    """Classes of a sample with this formula and structure."""

    def found(formula, structure=None):
        fields = {} if structure is None else {"structure": (structure,)}
        sample = make["sample"]("a", formula, fields=fields)
        return {name for name, one in CLASSES.items() if one.holds(sample)}

    return found


@pytest.mark.parametrize(
    ("formula", "classes"),
    [
        ("MgO", {"oxides"}),
        ("BaTiO3", {"oxides"}),
        ("O2", set()),
        ("NiAl", {"intermetallics"}),
        ("Fe", set()),
        ("MgB2", set()),
        ("NaCl", set()),
        ("?abc", set()),
    ],
)
def test_what_the_formula_decides(of, formula, classes):
    assert of(formula) == classes


@pytest.mark.parametrize(("sites", "large"), [(LARGE, False), (LARGE + 1, True)])
def test_a_cell_is_large_above_so_many_sites(of, sites, large):
    assert ("large-cells" in of("NaCl", crystal(sites))) == large


@pytest.mark.parametrize("periodic", [(True, True, True), (True, True, False), (False, False, True)])
def test_what_is_periodic_anywhere_is_no_molecule(of, periodic):
    assert "molecules" not in of("NaCl", crystal(2, periodic))
    assert "molecules" in of("NaCl", crystal(2, (False, False, False)))


def test_a_pattern_is_measured_where_its_provenance_says_so(make):
    pattern = {"two_theta": np.arange(3.0), "intensity": np.ones(3), "wavelength": 1.54}
    holds = CLASSES["measured-patterns"].holds
    for origins, measured in (((), False), (("simulated",), False), (("simulated", "measured"), True)):
        fields = {"xrd": (pattern,) * len(origins)} if origins else {}
        provenance = {"xrd": tuple({"origin": origin} for origin in origins)} if origins else {}
        assert holds(make["sample"]("a", "NaCl", fields=fields, provenance=provenance)) == measured


def test_an_unknown_class_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'oxides'"):
        class_of("oxide")
