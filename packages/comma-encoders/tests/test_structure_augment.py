"""Variants of structures: noise on the positions, and strain of what is periodic."""

import numpy as np
import pytest
from comma_encoders.modalities.structure.augment import NOISE, STRAIN, augment, strained, symmetric
from comma_encoders.modality import examples

VALUES = examples("structure", 6)
MOLECULE = {**VALUES[0], "cell": np.zeros((3, 3)), "periodic": np.zeros(3, dtype=bool)}


def fractional(value):
    return value["positions"] @ np.linalg.inv(value["cell"])


def test_the_lattice_stays_unless_strain_is_asked_for():
    plain, with_strain = (augment(VALUES[0], np.random.default_rng(1), 1.0, strain=asked) for asked in (False, True))
    np.testing.assert_array_equal(plain["cell"], VALUES[0]["cell"])
    assert np.abs(with_strain["cell"] - VALUES[0]["cell"]).max() > 1e-3
    moves = np.random.default_rng(1).standard_normal(VALUES[0]["positions"].shape)
    np.testing.assert_array_equal(plain["positions"], VALUES[0]["positions"] + NOISE * moves)


@pytest.mark.parametrize("number", range(6))
def test_fractional_coordinates_change_by_the_noise_alone(number):
    value = VALUES[number]
    out = augment(value, np.random.default_rng(1), 1.0, strain=True)
    noise = NOISE * np.random.default_rng(1).standard_normal(value["positions"].shape)
    expected = fractional(value) + noise @ np.linalg.inv(out["cell"])
    np.testing.assert_allclose(fractional(out), expected, atol=1e-10)
    assert {name: value[name] is out[name] for name in ("numbers", "periodic")} == {"numbers": True, "periodic": True}


def test_strain_has_its_deviation_in_every_component_and_no_rotation():
    rng = np.random.default_rng(0)
    many = np.array([symmetric(rng, 0.5 * STRAIN) for _ in range(4000)])
    np.testing.assert_array_equal(many, many.transpose(0, 2, 1))
    np.testing.assert_allclose(many.std(axis=0), np.full((3, 3), 0.5 * STRAIN), rtol=0.06)
    assert np.abs(many.mean(axis=0)).max() < 0.1 * STRAIN
    off_diagonal = many[:, [0, 0, 1], [1, 2, 2]]
    assert np.abs(np.corrcoef(off_diagonal.T) - np.eye(3)).max() < 0.06


def test_strain_grows_with_strength():
    def change(strength):
        out = augment(VALUES[0], np.random.default_rng(3), strength, strain=True)
        return np.abs(out["cell"] - VALUES[0]["cell"]).max()

    assert change(0.0) == 0
    assert change(2.0) == pytest.approx(2 * change(1.0))


def test_a_known_strain_is_applied():
    out = strained({"positions": [[1.0, 2.0, 0.0]], "cell": 4 * np.eye(3)}, np.diag([0.01, 0.0, -0.02]))
    np.testing.assert_allclose(out["positions"], [[1.01, 2.0, 0.0]])
    np.testing.assert_allclose(out["cell"], np.diag([4.04, 4.0, 3.92]))


def test_a_molecule_is_not_strained():
    plain, asked = (augment(MOLECULE, np.random.default_rng(1), 1.0, strain=strain) for strain in (False, True))
    np.testing.assert_equal(plain, asked)


def test_a_slab_keeps_no_cell_where_it_does_not_repeat():
    periodic = np.array([True, True, False])
    slab = {**VALUES[0], "cell": np.where(periodic[:, None], VALUES[0]["cell"], 0.0), "periodic": periodic}
    out = augment(slab, np.random.default_rng(1), 1.0, strain=True)
    assert not out["cell"][2].any()
    assert np.abs(out["cell"] - slab["cell"])[:2].max() > 1e-3
