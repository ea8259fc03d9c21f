"""Patterns: the axis, what was not measured, both networks, augmentation, what users have."""

import numpy as np
import pytest
import torch
from comma_encoders.errors import InputError, UsageError
from comma_encoders.modalities.xrd import augment as variants
from comma_encoders.modalities.xrd import coerce as xrd
from comma_encoders.modalities.xrd.augment import augment
from comma_encoders.modalities.xrd.config import Config
from comma_encoders.modalities.xrd.encoder import Encoder
from comma_encoders.modalities.xrd.pattern import binned, collate
from comma_encoders.modality import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

KINDS = {
    "resnet": {"kind": "resnet"},
    "transformer": {"kind": "transformer", "patch": 32},
}
kinds = pytest.mark.parametrize("name", KINDS)


def made(name, **more):
    torch.manual_seed(0)
    config = Config(**KINDS[name], **more)
    return Encoder(config).eval(), config


def pattern(*angles, wavelength=1.54184, first=5.0, last=120.0, width=0.05):
    """Narrow peaks at these angles."""
    grid = np.arange(first, last, 0.01)
    peaks = sum(np.exp(-(((grid - angle) / width) ** 2)) for angle in angles)
    return {"two_theta": grid, "intensity": np.asarray(peaks), "wavelength": wavelength}


def without(value, low, high):
    """The pattern with the points between two angles cut out."""
    kept = (value["two_theta"] < low) | (value["two_theta"] > high)
    return {**value, "two_theta": value["two_theta"][kept], "intensity": value["intensity"][kept]}


def noisy_crystal(seed=0, peaks=12):
    rng = np.random.default_rng(seed)
    value = pattern(*rng.uniform(15, 85, peaks), first=10.0, last=90.0)
    return {**value, "intensity": value["intensity"] + 0.01 * rng.random(len(value["intensity"]))}


# the axis


def test_the_wavelength_does_not_matter():
    d, config = 2.5, Config()
    rows = []
    for wavelength in (1.54184, 1.7902, 0.7107):
        angle = 2 * np.degrees(np.arcsin(wavelength / (2 * d)))
        rows.append(int(binned(pattern(angle, wavelength=wavelength), config)[0].argmax()))
    expected = (1 / d - config.low) / (config.high - config.low) * config.bins
    assert all(abs(row - expected) <= 1 for row in rows)


def test_a_peak_between_two_bins_is_not_lost():
    peaks = [binned(pattern(a), Config())[0].sum() for a in np.linspace(30, 31, 23)]
    assert min(peaks) > 0.9


@given(gain=st.floats(1e-6, 1e6))
@settings(max_examples=20)
def test_the_unit_of_intensity_does_not_matter(gain):
    value = noisy_crystal()
    scaled = {**value, "intensity": gain * value["intensity"]}
    np.testing.assert_allclose(binned(scaled, Config()), binned(value, Config()), atol=1e-9)


BAD = {
    "falling": {"two_theta": np.array([20.0, 10.0])},
    "one point": {"two_theta": np.array([20.0]), "intensity": np.array([1.0])},
    "lengths": {"intensity": np.ones(3)},
    "NaN": {"intensity": np.array([1.0, np.nan])},
    "zeros": {"intensity": np.zeros(2)},
    "wavelength": {"wavelength": 0.0},
    "below 0": {"two_theta": np.array([-1.0, 20.0])},
    "one point beside the beam": {"two_theta": np.array([0.0, 20.0])},
    "beyond 180": {"two_theta": np.array([20.0, 190.0])},
    "outside the range": {"two_theta": np.array([1.0, 2.0])},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_patterns_are_refused(name):
    good = {"two_theta": np.array([20.0, 30.0]), "intensity": np.ones(2), "wavelength": 1.54}
    with pytest.raises(InputError, match="pattern 0 of 1"):
        collate([good | BAD[name]], Config())


def test_a_point_in_the_direct_beam_is_left_out():
    value = pattern(40)
    beam = {
        **value,
        "two_theta": np.concatenate([[0.0], value["two_theta"]]),
        "intensity": np.concatenate([[1e9], value["intensity"]]),
    }
    np.testing.assert_array_equal(binned(beam, Config()), binned(value, Config()))
    assert collate([augment(beam, np.random.default_rng(0))], Config())["pattern"].isfinite().all()


# what was not measured


def test_what_was_not_measured_is_said():
    whole, short, holed = (
        binned(value, Config()) for value in (pattern(40), pattern(40, last=50.0), without(pattern(40, 70), 55, 60))
    )
    assert whole[1].mean() == 1
    assert 0.3 < short[1].mean() < 0.7
    assert 0.9 < holed[1].mean() < 0.97
    assert set(np.unique(holed[1].round(6))) >= {0.0, 1.0}


def test_a_gap_does_not_touch_the_rest():
    value = noisy_crystal()
    whole, holed = binned(value, Config()), binned(without(value, 55, 60), Config())
    both = (holed[1] == 1) & (whole[1] == 1)
    ratio = holed[0][both] / whole[0][both].clip(1e-9)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert holed[0][holed[1] == 0].max() == 0


def test_a_coarse_pattern_has_no_gaps():
    coarse = {key: v[::40] if key != "wavelength" else v for key, v in noisy_crystal().items()}
    assert binned(coarse, Config(bins=2048))[1].mean() > 0.97


@kinds
def test_what_stands_where_nothing_was_measured_does_not_count(name):
    encoder, config = made(name)
    inputs = collate([without(noisy_crystal(), 50, 70)], config)["pattern"]
    changed = inputs.clone()
    changed[:, 0][inputs[:, 1] == 0] = 0.7
    assert torch.equal(encoder({"pattern": changed}), encoder({"pattern": inputs}))


@kinds
def test_a_missing_range_differs_from_a_range_without_peaks(name):
    encoder, config = made(name)
    value = pattern(20, 30, 40, first=10.0, last=90.0)
    empty, missing = encoder(collate([value, without(value, 45, 89)], config))
    assert (empty - missing).norm() > 1e-3


@kinds
def test_nearly_nothing_measured_is_finite(name):
    encoder, config = made(name)
    value = pattern(20.4, first=20.0, last=20.8)
    assert torch.isfinite(encoder(collate([value], config))).all()


# the networks


@kinds
def test_one_vector_a_pattern_alone_or_together(name):
    encoder, config = made(name)
    values = [*examples("xrd", 4), without(noisy_crystal(), 20, 60)]
    together = encoder(collate(values, config))
    assert together.shape == (5, encoder.width)
    alone = torch.cat([encoder(collate([value], config)) for value in values])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@kinds
def test_every_parameter_gets_a_gradient(name):
    encoder, config = made(name)
    (encoder(collate(examples("xrd", 8), config)) * torch.randn(8, encoder.width)).sum().backward()
    assert [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@kinds
def test_bf16_gives_nearly_the_same_vectors(name):
    encoder, config = made(name)
    inputs = collate(examples("xrd", 5), config)
    with torch.no_grad():
        full = encoder(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder(inputs)
    assert functional.cosine_similarity(full, half.float()).min() >= 0.99


@kinds
def test_the_place_of_a_peak_counts(name):
    encoder, config = made(name)
    vectors = encoder(collate([pattern(30, 50), pattern(30, 60)], config))
    assert torch.pdist(vectors).item() > 1e-3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bins": 1000}, r"multiple of 2\*\*\(depth \+ 1\)"),
        ({"kind": "transformer", "bins": 100, "patch": 16}, "multiple of patch"),
        ({"width": 100}, "multiple of 8"),
        ({"kind": "transformer", "width": 90}, "multiple of heads"),
        ({"low": 0.9, "high": 0.2}, "below high"),
        ({"depth": 0}, "1 or more"),
    ],
)
def test_what_cannot_be_is_explained(settings, message):
    with pytest.raises(UsageError, match=message):
        Encoder(Config(**settings))


def test_an_unknown_kind_is_named():
    config = Config()
    object.__setattr__(config, "kind", "mlp")  # as one who runs without type checks may give it
    with pytest.raises(UsageError, match="'resnet' or 'transformer'"):
        Encoder(config)


# augmentation


@given(seed=st.integers(0, 10_000), strength=st.floats(0.01, 1.0))
@settings(max_examples=40)
def test_a_variant_is_a_pattern(seed, strength):
    value = examples("xrd", 1, seed)[0]
    out = augment(value, np.random.default_rng(seed), strength)
    assert out["wavelength"] == value["wavelength"]
    assert out["intensity"].min() >= 0
    assert collate([out], Config())["pattern"].isfinite().all()


def test_strength_scales_the_change():
    values, config = [noisy_crystal(seed) for seed in range(20)], Config()

    def change(strength):
        out = [augment(v, np.random.default_rng(i), strength, missing=False) for i, v in enumerate(values)]
        return (collate(out, config)["pattern"] - collate(values, config)["pattern"]).abs().mean().item()

    weak, middle, strong = change(0.01), change(0.3), change(1.0)
    assert 0 < weak < middle < strong
    assert weak < 0.02


@pytest.mark.parametrize("fwhm", [0.1, 0.3, 1.0])
def test_broadening_has_the_stated_width_and_keeps_area_and_place(fwhm):
    value = pattern(40, width=0.05, first=20.0, last=60.0)
    angle, before = value["two_theta"], value["intensity"]
    after = variants.broadened(angle, before, fwhm)

    def moments(intensity):
        place = (angle * intensity).sum() / intensity.sum()
        return intensity.sum(), place, (intensity * (angle - place) ** 2).sum() / intensity.sum()

    area, place, spread = moments(after)
    assert area == pytest.approx(moments(before)[0], rel=1e-6)
    assert place == pytest.approx(40, abs=1e-3)
    assert spread - moments(before)[2] == pytest.approx((fwhm / 2.3548) ** 2, rel=0.04)


def test_counting_has_the_stated_noise():
    rng = np.random.default_rng(0)
    counts = variants.counted(np.full(20_000, 0.25), 0.1, rng)
    assert counts.mean() == pytest.approx(0.25, rel=0.01)
    assert counts.std() == pytest.approx(0.1 * 0.25**0.5, rel=0.02)
    np.testing.assert_array_equal(variants.counted(np.ones(3), 0.0, rng), np.ones(3))


def test_uneven_angles_are_broadened_alike():
    angle = np.sort(np.concatenate([np.arange(20, 60, 0.02), np.arange(39, 41, 0.013)]))
    peak = np.exp(-(((angle - 40) / 0.2) ** 2))
    even = np.linspace(20, 60, 4001)
    expected = np.interp(angle, even, variants.broadened(even, np.exp(-(((even - 40) / 0.2) ** 2)), 0.3))
    np.testing.assert_allclose(variants.broadened(angle, peak, 0.3), expected, atol=0.01)


def test_a_shift_never_leaves_the_range_of_angles():
    near_zero, near_end = np.array([0.05, 30.0]), np.array([20.0, 179.95])
    np.testing.assert_array_equal(variants.shifted(near_zero, -0.1), near_zero)
    np.testing.assert_array_equal(variants.shifted(near_end, 0.1), near_end)
    np.testing.assert_allclose(variants.shifted(near_zero, 0.1), near_zero + 0.1)


def test_ranges_go_missing_at_either_end_unless_forbidden():
    value = noisy_crystal()
    ends = [augment(value, np.random.default_rng(seed), 1.0)["two_theta"][[0, -1]] for seed in range(60)]
    assert min(last for _, last in ends) < 80
    assert max(first for first, _ in ends) > 20
    kept = [len(augment(value, np.random.default_rng(s), 1.0, missing=False)["two_theta"]) for s in range(60)]
    assert set(kept) == {len(value["two_theta"])}


# what users have


def test_a_two_column_file_is_read(tmp_path):
    (tmp_path / "a.xy").write_text("10 1\n20 5\n30 2\n")
    assert xrd.coerce(tmp_path / "a.xy")["intensity"].tolist() == [1, 5, 2]
    (tmp_path / "b.xy").write_text("ten 1\n")
    with pytest.raises(InputError, match=r"b\.xy has to hold two columns"):
        xrd.coerce(tmp_path / "b.xy")


def test_a_line_of_names_above_the_columns_is_passed_over(tmp_path):
    (tmp_path / "a.csv").write_text("two_theta,intensity\n10,1\n20,5\n")
    assert xrd.coerce(str(tmp_path / "a.csv"))["two_theta"].tolist() == [10, 20]


@pytest.mark.parametrize("name", ["a.csv", "A.CSV"])
@pytest.mark.parametrize("head", ["", "2theta,intensity", '"2theta","intensity"', "two_theta,counts", "\ufeff2θ (°),I"])
@pytest.mark.parametrize("rows", ["10.5,1\n20,5\n", "10.5;1\n20;5\n", "10,5;1,0\n20,0;5,0\n", "10.5 ; 1\n20 ; 5\n"])
def test_tables_as_programs_write_them_are_read(tmp_path, name, head, rows):
    stated = head.replace(",", ";") if ";" in rows else head
    (tmp_path / name).write_text(f"{stated}\n{rows}" if head else rows, encoding="utf-8")
    read = xrd.coerce(tmp_path / name)
    assert read["two_theta"].tolist() == [10.5, 20]
    assert read["intensity"].tolist() == [1, 5]


@pytest.mark.parametrize(
    "text", ["1O.5,3\n20,5\n", "10.5,n/a\n20,5\n", "2theta,intensity\n", "a;b\nc;d\n", "--\n10,5\n"]
)
def test_a_first_row_that_is_mistyped_is_not_taken_for_names(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match="two columns"):
        xrd.coerce(tmp_path / "a.csv")


def test_an_array_of_two_columns_or_rows_is_a_pattern():
    table = np.array([[10.0, 1.0], [20.0, 5.0], [30.0, 2.0]])
    for given_ in (table, table.T):
        assert xrd.coerce(given_)["two_theta"].tolist() == [10, 20, 30]
    with pytest.raises(InputError, match=r"\(3, 3\)"):
        xrd.coerce(np.ones((3, 3)))


def test_lines_computed_by_pymatgen_become_peaks_of_their_area():
    from pymatgen.analysis.diffraction.xrd import XRDCalculator
    from pymatgen.core import Lattice, Structure

    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    value = xrd.coerce(XRDCalculator().get_pattern(salt))
    strongest = value["two_theta"][value["intensity"].argmax()]
    assert strongest == pytest.approx(31.7, abs=0.1)
    assert value["wavelength"] == pytest.approx(1.54184)
    assert collate([value], Config())["pattern"].isfinite().all()


@pytest.mark.parametrize(("source", "wavelength"), [("MoKa", 0.71073), ("CuKa", 1.54184), ("CoKa", 1.79026)])
def test_lines_computed_by_pymatgen_tell_their_wavelength(source, wavelength):
    from pymatgen.analysis.diffraction.xrd import XRDCalculator
    from pymatgen.core import Lattice, Structure

    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    pattern = XRDCalculator(source).get_pattern(salt)
    value = xrd.coerce(pattern)
    assert value["wavelength"] == pytest.approx(wavelength, abs=2e-4)
    angle = value["two_theta"][value["intensity"].argmax()]
    assert wavelength / (2 * np.sin(np.radians(angle / 2))) == pytest.approx(2.82, abs=0.01)
    pattern.d_hkls = None
    assert xrd.coerce(pattern)["wavelength"] == xrd.CU_K_ALPHA
