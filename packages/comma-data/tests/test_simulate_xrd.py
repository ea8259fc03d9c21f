import numpy as np
import pytest
from comma_data.errors import ConfigError, StructureError
from comma_data.simulate.reflections import CU_K_ALPHA, lines
from comma_data.simulate.xrd import pattern

SILICON = 5.4309


def crystal(numbers, fractions, cell):
    cell = np.asarray(cell, dtype=float)
    positions = np.asarray(fractions, dtype=float) @ cell
    return {"numbers": np.array(numbers), "positions": positions, "cell": cell, "periodic": np.ones(3, dtype=bool)}


def diamond(number=14, a=SILICON):
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return crystal([number] * 8, np.concatenate([corners, corners + 0.25]), a * np.eye(3))


def bragg(d):
    return 2 * np.degrees(np.arcsin(CU_K_ALPHA / 2 / d))


def width_at_half(shape):
    above = shape["two_theta"][shape["intensity"] >= 0.5]
    return above[-1] - above[0]


def test_silicon_shows_the_reflections_of_the_diamond_lattice_and_no_other():
    found = lines(diamond())
    allowed = [3, 8, 11, 16, 19, 24]  # h2 + k2 + l2: all odd, or all even with a sum divisible by 4
    np.testing.assert_allclose(found.two_theta, [bragg(SILICON / np.sqrt(n)) for n in allowed], atol=1e-4)
    assert found.intensity.argmax() == 0


def test_intensity_is_multiplicity_times_the_lorentz_polarisation_factor_for_equal_form_factors():
    heavy = crystal([84], [[0, 0, 0]], 2.0 * np.eye(3))
    found = lines(heavy, wavelength=0.1, two_theta=(2.0, 5.0))  # small angles: 100, 110, 111
    theta = np.radians(found.two_theta / 2)
    expected = np.array([6, 12, 8]) * (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    electrons = found.intensity / expected
    assert np.all(np.diff(electrons) < 0)  # the form factor falls with the angle
    assert electrons[0] < 84**2


@pytest.mark.parametrize("move", ["rotated", "translated", "supercell", "permuted"])
def test_lines_do_not_depend_on_how_the_crystal_is_described(move):
    zinc_blende = diamond()
    zinc_blende["numbers"] = np.array([30] * 4 + [16] * 4)
    moved = dict(zinc_blende)
    if move == "rotated":
        q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
        moved |= {"cell": zinc_blende["cell"] @ q.T, "positions": zinc_blende["positions"] @ q.T}
    elif move == "translated":
        moved["positions"] = zinc_blende["positions"] + [0.3, -7.0, 1.1]
    elif move == "supercell":
        moved["cell"] = zinc_blende["cell"] * [[2], [1], [1]]
        moved["positions"] = np.concatenate(
            [zinc_blende["positions"], zinc_blende["positions"] + zinc_blende["cell"][0]]
        )
        moved["numbers"] = np.tile(zinc_blende["numbers"], 2)
    else:
        order = np.random.default_rng(1).permutation(8)
        moved |= {"positions": zinc_blende["positions"][order], "numbers": zinc_blende["numbers"][order]}
    one, other = lines(zinc_blende), lines(moved)
    np.testing.assert_allclose(other.two_theta, one.two_theta, atol=1e-6)
    np.testing.assert_allclose(other.intensity / other.intensity.max(), one.intensity / one.intensity.max(), rtol=1e-6)


@pytest.mark.parametrize("size_nm", [10.0, 20.0, 40.0])
def test_width_follows_scherrer(size_nm):
    shape = pattern(diamond(), size_nm=size_nm, instrument=0.0, two_theta=(25.0, 32.0), step=0.002)
    theta = np.radians(bragg(SILICON / np.sqrt(3)) / 2)
    assert width_at_half(shape) == pytest.approx(np.degrees(0.9 * 0.154184 / size_nm / np.cos(theta)), rel=0.02)


def test_width_follows_strain_and_instrument():
    shape = pattern(diamond(), size_nm=1e5, strain=2e-3, instrument=0.1, two_theta=(45.0, 50.0), step=0.002)
    theta = np.radians(bragg(SILICON / np.sqrt(8)) / 2)
    strained = np.degrees(4 * np.sqrt(2 * np.log(2)) * 2e-3 * np.tan(theta))
    assert width_at_half(shape) == pytest.approx(np.hypot(strained, 0.1), rel=0.02)


def test_area_under_each_line_is_its_intensity():
    found = lines(diamond())
    shape = pattern(diamond(), size_nm=20.0, step=0.005)
    total = shape["intensity"].astype(float)
    areas = [total[np.abs(shape["two_theta"] - at) < 3].sum() for at in found.two_theta[:3]]
    np.testing.assert_allclose(areas / areas[0], found.intensity[:3] / found.intensity[0], rtol=0.03)


def test_a_line_just_outside_the_range_reaches_into_it():
    edge = bragg(SILICON / np.sqrt(3)) + 0.1
    shape = pattern(diamond(), two_theta=(edge, 45.0))
    assert shape["intensity"].argmax() == 0


def test_form():
    shape = pattern(diamond())
    assert shape["two_theta"].shape == shape["intensity"].shape == (4001,)
    assert shape["two_theta"][[0, -1]] == pytest.approx([10.0, 90.0])
    assert shape["intensity"].dtype == np.float32
    assert shape["intensity"].max() == 1
    assert shape["wavelength"] == CU_K_ALPHA


def test_background_lifts_and_decays():
    shape = pattern(diamond(), background=0.2)
    near, far = shape["intensity"][[100, 3000]]
    assert 0.08 < far < near < 0.2


def test_counting_noise_is_poisson_and_repeatable():
    clean = pattern(diamond(), background=0.5)["intensity"].astype(float)
    one, same, other = (
        pattern(diamond(), background=0.5, counts=500, seed=s)["intensity"].astype(float) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    pulls = (one - 500 * clean) / np.sqrt(500 * clean)
    assert abs(pulls.mean()) < 0.05
    assert pulls.std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"periodic": np.array([True, True, False])}, "not-periodic"),
        ({"numbers": np.array([110] * 8)}, "no-scattering-factor"),
    ],
)
def test_a_structure_without_a_pattern_is_refused(change, code):
    with pytest.raises(StructureError) as caught:
        lines({**diamond(), **change})
    assert caught.value.code == code


def test_a_range_without_reflections_is_refused():
    assert len(lines(diamond(), two_theta=(2.0, 20.0)).two_theta) == 0
    with pytest.raises(StructureError) as caught:
        pattern(diamond(), two_theta=(2.0, 20.0))
    assert caught.value.code == "no-reflections"


@pytest.mark.parametrize(
    "options",
    [
        {"wavelength": 0.0},
        {"wavelength": float("nan")},
        {"two_theta": (50.0, 10.0)},
        {"two_theta": (10.0, 200.0)},
        {"size_nm": 0.0},
        {"step": -0.02},
        {"instrument": -1.0},
        {"strain": float("nan")},
        {"counts": 100.0},
        {"counts": 0.0, "seed": 1},
    ],
)
def test_impossible_options_are_named(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        pattern(diamond(), **options)
