"""Laws of what is read of a micrograph without a network."""

import numpy as np
import pytest
from comma_eval.baselines.image_statistics import RINGS, brightness, lattice_residual, normalised, power_spectrum
from hypothesis import given, settings
from hypothesis import strategies as st


def lattice(size=64, period=8.0, seed=0, noise=0.1):
    y, x = np.mgrid[:size, :size]
    rng = np.random.default_rng(seed)
    return np.cos(2 * np.pi * x / period) + np.cos(2 * np.pi * y / period) + noise * rng.normal(size=(size, size))


@settings(max_examples=25)
@given(st.floats(0.01, 1e4), st.floats(-1e4, 1e4))
def test_gain_and_offset_of_the_detector_do_not_matter(gain, offset):
    image = lattice()
    for feature in (normalised, power_spectrum, lattice_residual):
        np.testing.assert_allclose(feature(gain * image + offset), feature(image), rtol=1e-4, atol=1e-4)


def test_brightness_is_mean_spread_and_extremes():
    pixels = np.array([[0, 2], [4, 10]], dtype=np.uint8)
    assert brightness(pixels).tolist() == [4.0, pytest.approx(np.std([0, 2, 4, 10])), 0.0, 10.0]


def test_a_flat_image_is_zero_and_finite():
    flat = np.full((16, 24), 7, dtype=np.uint8)
    assert not normalised(flat).any()
    assert np.isfinite(power_spectrum(flat)).all()
    assert np.isfinite(lattice_residual(flat)).all()


def test_a_lattice_stands_out_on_its_ring():
    spectrum = power_spectrum(lattice(period=8.0, noise=0.01))
    assert len(spectrum) == 2 * RINGS
    assert spectrum[:RINGS].argmax() == int(2 * RINGS / 8.0)


def test_a_turned_image_has_the_same_rings():
    image = lattice()
    np.testing.assert_allclose(power_spectrum(np.rot90(image)), power_spectrum(image), rtol=1e-6, atol=1e-6)


def test_a_missing_column_is_what_the_lattice_leaves():
    perfect = lattice()
    y, x = np.mgrid[:64, :64]
    broken = perfect - 2 * np.exp(-((x - 32) ** 2 + (y - 32) ** 2) / 8)
    least, local = 1, 5
    assert lattice_residual(broken)[least] < 2 * lattice_residual(perfect)[least]
    assert lattice_residual(broken)[local] > 2 * lattice_residual(perfect)[local]
