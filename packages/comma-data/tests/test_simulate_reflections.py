"""Our reflections against pymatgen's, and our line profile against a Voigt profile summed line by line."""

import warnings
from itertools import islice

import numpy as np
import pytest
from comma_data.errors import StructureError
from comma_data.sample import Record
from comma_data.simulate.broadening import Broadening, profile
from comma_data.simulate.reflections import CU_K_ALPHA, WEAKEST, Lines, lines
from comma_data.sources import structures
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Lattice, Structure


def reference(structure, **options):
    """pymatgen's lines, unscaled: angles and intensities."""
    crystal = Structure(
        Lattice(structure["cell"]), list(structure["numbers"]), structure["positions"], coords_are_cartesian=True
    )
    found = XRDCalculator(CU_K_ALPHA, symprec=0).get_pattern(crystal, scaled=False, **options)
    return np.asarray(found.x), np.asarray(found.y)


def assert_equal_lines(structure, low=10.0, high=90.0):
    """But for which reflections within 1e-5 degrees are one line, where versions of pymatgen differ.

    A weak one of several lines is left out where the same, as one line, is not.
    """
    found = lines(structure, two_theta=(low, high))
    angles, intensity = reference(structure, two_theta_range=(low, high))
    both = np.concatenate([found.two_theta, angles])
    order = np.argsort(both)
    places = np.empty(len(both), dtype=int)
    places[order] = np.concatenate([[0], np.cumsum(np.diff(both[order]) > 2e-5)])
    ours, theirs = np.split(places, [len(found.two_theta)])
    np.testing.assert_array_equal(np.unique(ours), np.unique(theirs))
    np.testing.assert_allclose(
        np.bincount(ours, found.intensity), np.bincount(theirs, intensity), rtol=1e-6, atol=WEAKEST * intensity.max()
    )


def random_crystal(seed, atoms, edge, skew):
    rng = np.random.default_rng(seed)
    cell = edge * (np.diag(rng.uniform(0.8, 1.6, 3)) + skew * rng.uniform(-1, 1, (3, 3)))
    numbers = rng.choice([1, 3, 8, 22, 57, 92], atoms)
    return {
        "numbers": numbers,
        "positions": rng.uniform(-1, 2, (atoms, 3)) @ cell,
        "cell": cell,
        "periodic": np.ones(3, dtype=bool),
    }


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), atoms=st.integers(1, 30), edge=st.floats(3.0, 9.0), skew=st.floats(0.0, 0.3))
def test_lines_of_any_crystal_are_those_of_pymatgen(seed, atoms, edge, skew):
    assert_equal_lines(random_crystal(seed, atoms, edge, skew))


@pytest.mark.parametrize(("low", "high"), [(10.0, 90.0), (40.0, 60.0), (5.0, 150.0)])
def test_any_range_gives_those_of_pymatgen(low, high):
    assert_equal_lines(random_crystal(3, 12, 6.0, 0.2), low, high)


def test_lines_of_real_structures_are_those_of_pymatgen(data_root):
    path = data_root / "materials-project" / "structures-01.tar.gz"
    found = (item.value for item in structures.read(path) if isinstance(item, Record))
    for structure in islice(found, 0, 1000, 50):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen has no electronegativity of noble gases
            assert_equal_lines(structure)


def test_a_sphere_with_too_many_reflections_is_refused():
    huge = random_crystal(0, 2, 400.0, 0.0)
    with pytest.raises(StructureError) as caught:
        lines(huge)
    assert caught.value.code == "too-many-reflections"


def voigt(offset, lorentz, gauss):
    """A Voigt profile by adding up Lorentzians over the Gaussian's distribution."""
    sigma = gauss / np.sqrt(8 * np.log(2))
    t = np.linspace(-6, 6, 1201) * sigma
    weights = np.exp(-(t**2) / (2 * sigma**2))
    return (weights / weights.sum()) @ (lorentz / (2 * np.pi) / ((offset[None, :] - t[:, None]) ** 2 + lorentz**2 / 4))


@pytest.mark.parametrize(
    ("size_nm", "strain", "instrument"), [(40.0, 0.0, 0.05), (15.0, 4e-3, 0.1), (200.0, 1e-3, 0.08), (40.0, 0.0, 0.02)]
)
def test_the_profile_is_the_sum_of_voigt_lines(size_nm, strain, instrument):
    by = Broadening(wavelength=CU_K_ALPHA, size_nm=size_nm, strain=strain, instrument=instrument)
    found = Lines(
        two_theta=np.array([9.1, 20.003, 20.5171, 47.0, 70.2345, 91.5]), intensity=np.array([3.0, 1, 2, 0.5, 4, 3])
    )
    angles = 10.0 + 0.02 * np.arange(4001)
    made = profile(found, angles, by)
    lorentz, gauss = by.widths(found.two_theta)
    expected = sum(
        height * voigt(angles - at, wide, narrow)
        for at, height, wide, narrow in zip(found.two_theta, found.intensity, lorentz, gauss, strict=True)
    )
    assert np.abs(made - expected).max() < 0.003 * expected.max()
    assert made.min() >= 0


def test_the_profile_of_no_lines_is_flat():
    by = Broadening(wavelength=CU_K_ALPHA, size_nm=40.0, strain=0.0, instrument=0.05)
    nothing = Lines(two_theta=np.empty(0), intensity=np.empty(0))
    np.testing.assert_array_equal(profile(nothing, np.linspace(10, 20, 11), by), np.zeros(11))
