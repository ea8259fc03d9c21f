"""Compositions, patterns and images: physics and bad values."""

import numpy as np
import pytest
import torch
from comma_encoders.errors import InputError
from comma_encoders.modalities.composition import coerce as composition
from comma_encoders.modalities.composition.config import Config as CompositionConfig
from comma_encoders.modalities.composition.elements import collate as collate_compositions
from comma_encoders.modalities.composition.elements import property_table
from comma_encoders.modalities.image import coerce as image
from comma_encoders.modalities.image.config import Config as ImageConfig
from comma_encoders.modalities.image.pixels import collate as collate_images
from comma_encoders.modalities.image.pixels import scaled
from comma_encoders.modalities.xrd import coerce as xrd
from comma_encoders.modalities.xrd.config import Config as PatternConfig
from comma_encoders.modalities.xrd.pattern import binned
from comma_encoders.modalities.xrd.pattern import collate as collate_patterns


def test_amounts_count_only_relative():
    a, b = collate_compositions([{"Fe": 2, "O": 3}, {"Fe": 4, "O": 6}], CompositionConfig())["fractions"]
    torch.testing.assert_close(a, b)


def test_the_table_is_finite_and_standardised():
    table = property_table()
    assert table.shape[0] == 118
    assert torch.isfinite(table).all()
    assert table.mean(dim=0).abs().max() < 0.2


@pytest.mark.parametrize("bad", [{}, {"Xx": 1}, {"Fe": -1}, {"Fe": np.nan}, {"Fe": 0}])
def test_bad_compositions_are_refused(bad):
    with pytest.raises(InputError):
        collate_compositions([bad], CompositionConfig())


@pytest.mark.parametrize("bad", ["", "hello", "CuSO4·5H2O", "CuSO4.5H2O", 7])
def test_what_is_no_plain_formula_is_refused(bad):
    with pytest.raises(InputError):
        composition.coerce(bad)


def test_a_formula_is_a_composition():
    assert composition.coerce("LiFePO4") == {"Li": 1, "Fe": 1, "P": 1, "O": 4}


def pattern(angle, wavelength):
    """One narrow peak."""
    grid = np.arange(5, 120, 0.01)
    return {"two_theta": grid, "intensity": np.exp(-(((grid - angle) / 0.03) ** 2)), "wavelength": wavelength}


def test_the_wavelength_does_not_matter():
    d = 2.5
    rows = []
    for wavelength in (1.54184, 1.7902, 0.7107):
        angle = 2 * np.degrees(np.arcsin(wavelength / (2 * d)))
        rows.append(int(binned(pattern(angle, wavelength), PatternConfig())[0].argmax()))
    config = PatternConfig()
    expected = (1 / d - config.low) / (config.high - config.low) * config.bins
    assert all(abs(row - expected) <= 1 for row in rows)


def test_a_peak_between_two_bins_is_not_lost():
    peaks = [binned(pattern(a, 1.54184), PatternConfig())[0].sum() for a in np.linspace(30, 31, 23)]
    assert min(peaks) > 0.9


def test_what_was_not_measured_is_said():
    short = {**pattern(40, 1.54184)}
    keep = short["two_theta"] < 50
    row = binned(
        {**short, "two_theta": short["two_theta"][keep], "intensity": short["intensity"][keep]}, PatternConfig()
    )
    assert 0.3 < row[1].mean() < 0.7


BAD_PATTERNS = {
    "falling": {"two_theta": np.array([20.0, 10.0])},
    "one point": {"two_theta": np.array([20.0]), "intensity": np.array([1.0])},
    "lengths": {"intensity": np.ones(3)},
    "NaN": {"intensity": np.array([1.0, np.nan])},
    "zeros": {"intensity": np.zeros(2)},
    "wavelength": {"wavelength": 0.0},
    "beyond 180": {"two_theta": np.array([20.0, 190.0])},
}


@pytest.mark.parametrize("name", BAD_PATTERNS)
def test_bad_patterns_are_refused(name):
    good = {"two_theta": np.array([20.0, 30.0]), "intensity": np.ones(2), "wavelength": 1.54}
    with pytest.raises(InputError, match="pattern 0 of 1"):
        collate_patterns([good | BAD_PATTERNS[name]], PatternConfig())


def test_a_two_column_file_is_read(tmp_path):
    (tmp_path / "a.xy").write_text("10 1\n20 5\n30 2\n")
    assert xrd.coerce(tmp_path / "a.xy")["intensity"].tolist() == [1, 5, 2]
    (tmp_path / "b.xy").write_text("ten 1\n")
    with pytest.raises(InputError, match=r"b\.xy has to hold two columns"):
        xrd.coerce(tmp_path / "b.xy")


def test_sixteen_bits_survive_the_scaling():
    ramp = np.linspace(30000, 31000, 1001).astype(np.uint16).reshape(7, 143)
    assert len(np.unique((scaled(ramp) * 127).astype(np.int8))) >= 250


def test_the_field_of_view_does_not_depend_on_sampling():
    coarse = {"pixels": np.random.default_rng(0).random((50, 50)), "nm_per_pixel": 0.04}
    fine = {"pixels": np.random.default_rng(0).random((100, 100)), "nm_per_pixel": 0.02}
    unknown = {**fine, "nm_per_pixel": None}
    scale = collate_images([coarse, fine, unknown], ImageConfig())["scale"]
    torch.testing.assert_close(scale[0], scale[1])
    assert scale[2].tolist() == [0, 0]


BAD_IMAGES = {
    "three axes": {"pixels": np.zeros((4, 4, 3))},
    "a row": {"pixels": np.zeros((1, 40))},
    "words": {"pixels": np.array([["a", "b"], ["c", "d"]])},
    "NaN": {"pixels": np.full((4, 4), np.nan)},
    "scale": {"nm_per_pixel": -1.0},
    "scale NaN": {"nm_per_pixel": np.nan},
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images_are_refused(name):
    good = {"pixels": np.eye(4), "nm_per_pixel": 0.1}
    with pytest.raises(InputError, match="image 0 of 1"):
        collate_images([good | BAD_IMAGES[name]], ImageConfig())


def test_image_files_keep_their_depth(tmp_path):
    from PIL import Image

    ramp = np.arange(1000, dtype=np.uint16).reshape(20, 50)
    Image.fromarray(ramp).save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(image.coerce(tmp_path / "a.tiff")["pixels"], ramp)
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b\.png cannot be read"):
        image.coerce(tmp_path / "b.png")
