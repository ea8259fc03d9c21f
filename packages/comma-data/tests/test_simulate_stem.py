from dataclasses import replace

import numpy as np
import pytest
from comma_data.errors import ConfigError, StructureError
from comma_data.simulate import stem
from comma_data.simulate.conditions import Conditions, conditions, during, session
from comma_data.simulate.detector import TOP, detect
from comma_data.simulate.projection import Cloud, common_zones, fill, frame, full_cell, view

STILL = Conditions(
    field_nm=3.0,
    thickness_nm=5.0,
    probe_fwhm_nm=0.1,
    dose=float("inf"),
    jitter_nm=0.0,
    drift_nm=(0.0, 0.0),
    background=0.0,
    contamination=0.0,
    tilt_mrad=(0.0, 0.0),
    rotation=0.0,
    offset=(0.13, 0.27, 0.41),
)


def crystal(numbers, fractions, cell, periodic=(True, True, True)):
    cell = np.asarray(cell, dtype=float)
    positions = np.asarray(fractions, dtype=float) @ cell
    return {"numbers": np.array(numbers), "positions": positions, "cell": cell, "periodic": np.array(periodic)}


CUBIC = crystal(
    [38, 22, 8, 8, 8], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], 3.905 * np.eye(3)
)
HEXAGONAL = crystal(
    [48, 48, 34, 34],
    [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.375], [2 / 3, 1 / 3, 0.875]],
    [[4.30, 0, 0], [-2.15, 4.30 * np.sqrt(0.75), 0], [0, 0, 7.01]],
)
TRICLINIC = crystal([74, 8], [[0.1, 0.2, 0.3], [0.6, 0.65, 0.8]], [[4.1, 0.2, -0.3], [0.9, 5.0, 0.4], [-1.1, 0.7, 6.2]])
DIMER = crystal([79, 79], [[-1.0, 0, 0], [1.0, 0, 0]], np.eye(3)) | {
    "cell": np.zeros((3, 3)),
    "periodic": np.zeros(3, dtype=bool),
}
CRYSTALS = {"cubic": CUBIC, "hexagonal": HEXAGONAL, "triclinic": TRICLINIC}
ZONES = [(1, 0, 0), (0, 0, 1), (1, 1, 0), (1, -1, 2), (3, 1, -2)]


def amplitude(picture, scale, at):
    """|Fourier integral| of a square picture at a frequency (1/nm), through a Hann window."""
    size = len(picture)
    axis = (np.arange(size) + 0.5) * scale
    window = np.hanning(size)
    windowed = (picture - picture.mean()) * np.outer(window, window)
    return abs(np.exp(-2j * np.pi * at[1] * axis) @ windowed @ np.exp(-2j * np.pi * at[0] * axis))


def strongest_frequency(picture, scale):
    """The strongest peak (x, y in 1/nm) of the Fourier transform, refined to a hundredth of a grid step."""
    size = len(picture)
    window = np.hanning(size)
    spectrum = np.abs(np.fft.fft2((picture - picture.mean()) * np.outer(window, window)))
    steps = np.fft.fftfreq(size, scale)
    spectrum[np.hypot(steps[:, None], steps[None, :]) < 1.0] = 0  # slower than 1 nm: background
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    best = np.array([steps[column], steps[row]])
    width = 0.5 / (size * scale)
    while width > 0.005 / (size * scale):
        tries = [best + width * np.array([i, j]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        best = max(tries, key=lambda at: amplitude(picture, scale, at))
        width *= 0.7
    return best


def projected_frequencies(structure, zone):
    """Lengths (1/nm) of the reciprocal vectors normal to the zone."""
    reciprocal = 10 * np.linalg.inv(structure["cell"]).T
    indices = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3), axis=-1).reshape(-1, 3)
    return np.linalg.norm(indices[indices @ np.array(zone) == 0] @ reciprocal, axis=1)


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("zone", [(1, 0, 0), (0, 0, 1), (1, 1, 0)])
@pytest.mark.parametrize("seed", [0, 7])
def test_spacings_of_a_noisy_image_are_those_of_the_projected_cell(name, zone, seed):
    structure = CRYSTALS[name]
    made = stem.image(structure, seed=seed, zone=zone, size=128)
    found = np.linalg.norm(strongest_frequency(made["pixels"].astype(float), made["nm_per_pixel"]))
    expected = projected_frequencies(structure, zone)
    assert np.abs(expected / found - 1).min() < 0.01


def test_the_scale_is_right_along_both_axes():
    square = crystal([79], [[0, 0, 0]], np.diag([3.0, 4.0, 3.5]))
    for field in (2.5, 4.0):
        picture = stem.ideal(square, zone=(0, 0, 1), size=120, under=replace(STILL, field_nm=field))
        scale = field / 120
        assert amplitude(picture, scale, (1 / 0.3, 0)) > 50 * amplitude(picture, scale, (1 / 0.4, 0))
        assert amplitude(picture, scale, (0, 1 / 0.4)) > 50 * amplitude(picture, scale, (0, 1 / 0.3))


@pytest.mark.parametrize(("light", "heavy"), [(8, 22), (22, 79), (6, 92)])
def test_column_intensity_rises_as_a_power_of_the_atomic_number(light, heavy):
    totals = {}
    for number in (light, heavy):
        lattice = crystal([number], [[0, 0, 0]], 6.0 * np.eye(3))
        totals[number] = stem.ideal(lattice, zone=(0, 0, 1), size=96, under=STILL).max()
    power = np.log(totals[heavy] / totals[light]) / np.log(heavy / light)
    assert 1.6 < power < 2.0


def test_probe_width_and_signal_of_one_atom():
    atom = DIMER | {"numbers": np.array([79]), "positions": np.array([[5.0, -3.0, 2.0]])}
    size = 100
    picture = stem.ideal(atom, zone=(0, 0, 1), size=size, under=STILL)
    axis = ((np.arange(size) + 0.5) / size - 0.5) * 3.0
    assert picture.sum() == pytest.approx(79**1.7, rel=1e-3)
    mean = axis @ picture.sum(axis=0) / picture.sum()
    spread = np.sqrt((axis - mean) ** 2 @ picture.sum(axis=0) / picture.sum())
    assert mean == pytest.approx(0.0, abs=1e-6)
    assert spread * np.sqrt(8 * np.log(2)) == pytest.approx(STILL.probe_fwhm_nm, rel=0.02)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", CRYSTALS)
def test_every_atom_of_the_box_is_there(name, zone):
    structure = CRYSTALS[name]
    box = (6.0, 6.4, 9.0)
    found = fill(view(structure, zone), box, STILL.offset)
    positions, numbers = found.positions, found.numbers
    density = len(structure["numbers"]) / abs(np.linalg.det(0.1 * structure["cell"]))
    assert len(positions) == pytest.approx(density * np.prod(box), rel=0.08)
    assert len(np.unique(positions.round(6), axis=0)) == len(positions)
    assert set(numbers) == set(structure["numbers"])


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", CRYSTALS)
def test_a_rigid_rotation_does_not_change_the_image(name, zone):
    structure = CRYSTALS[name]
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    turned = structure | {"cell": structure["cell"] @ turn.T, "positions": structure["positions"] @ turn.T}
    views = [stem.ideal(s, zone=zone, size=64, under=STILL) for s in (structure, turned)]
    np.testing.assert_allclose(views[1], views[0], rtol=1e-6, atol=1e-6 * views[0].max())


def test_a_translation_by_a_lattice_vector_does_not_change_the_image_and_by_half_of_it_moves_it():
    moved = [CUBIC | {"positions": CUBIC["positions"] + shift * CUBIC["cell"][0]} for shift in (0, -3, 0.5)]
    still, lattice, half = (stem.ideal(s, zone=(0, 0, 1), size=64, under=STILL) for s in moved)
    np.testing.assert_allclose(lattice, still, rtol=1e-6, atol=1e-6 * still.max())
    assert np.abs(half - still).max() > 0.1 * still.max()
    offset = tuple(np.add(STILL.offset, (0.5, 0, 0)))
    shifted = stem.ideal(CUBIC, zone=(0, 0, 1), size=64, under=replace(STILL, offset=offset))
    np.testing.assert_allclose(half, shifted, rtol=1e-6, atol=1e-6 * still.max())


def test_scan_rotation_by_a_right_angle_turns_the_picture():
    still = stem.ideal(TRICLINIC, zone=(0, 0, 1), size=64, under=STILL)
    turned = stem.ideal(TRICLINIC, zone=(0, 0, 1), size=64, under=replace(STILL, rotation=np.pi / 2))
    np.testing.assert_allclose(turned, np.rot90(still, -1), atol=0.02 * still.max())


def test_a_turned_field_is_filled_to_its_corners():
    fine = crystal([14], [[0, 0, 0]], 2.0 * np.eye(3))
    picture = stem.ideal(fine, zone=(0, 0, 1), size=96, under=replace(STILL, rotation=np.pi / 4))
    for corner in (picture[:16, :16], picture[:16, -16:], picture[-16:, :16], picture[-16:, -16:]):
        assert corner.mean() == pytest.approx(picture.mean(), rel=0.3)


def test_drift_and_jitter_move_the_scan():
    still = stem.ideal(CUBIC, zone=(0, 0, 1), size=64, under=STILL)
    drifted = stem.ideal(CUBIC, zone=(0, 0, 1), size=64, under=replace(STILL, drift_nm=(0.2, 0.0)))
    rows = np.zeros((2, 64))
    rows[0, 10] = 0.05
    jittered = stem.ideal(CUBIC, zone=(0, 0, 1), size=64, under=STILL, rows_nm=rows)
    moved = np.abs(drifted - still)
    assert min(moved[:16].sum(), moved[-16:].sum()) > 3 * moved[24:40].sum()  # nothing moves at half time
    changed = np.abs(jittered - still).max(axis=1) > 1e-3 * still.max()
    assert list(np.flatnonzero(changed)) == [10]


@pytest.mark.parametrize("structure", [*CRYSTALS.values(), DIMER])
@pytest.mark.parametrize("seed", range(4))
def test_the_form_of_an_image(structure, seed):
    made = stem.image(structure, seed=seed)
    pixels = made["pixels"]
    assert pixels.shape == (96, 96)
    assert pixels.dtype == np.uint16
    assert pixels.max() == TOP < 65_535
    assert (pixels == TOP).sum() < 10
    assert len(np.unique(pixels)) > (250 if structure["periodic"].all() else 100)
    assert made["nm_per_pixel"] == pytest.approx(conditions(seed).field_nm / 96)
    assert 2.5 <= 96 * made["nm_per_pixel"] <= 3.5


def test_seeds_repeat_and_differ():
    one, same, other = (stem.image(CUBIC, seed=s)["pixels"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.5
    assert conditions(1) == conditions(1) != conditions(2)


def test_conditions_can_be_kept():
    kept = conditions(3).provenance()
    assert set(kept) == set(Conditions.__dataclass_fields__)
    assert float(kept["dose"]) == pytest.approx(conditions(3).dose, rel=1e-5)
    assert stem.draw_zone(HEXAGONAL, 3) in common_zones(HEXAGONAL)


def test_noise_falls_with_the_dose():
    spread = {}
    for dose in (25, 2500):
        empty = np.ones((96, 96))
        made = detect(empty, replace(STILL, dose=dose), np.random.default_rng(0)).astype(float)
        spread[dose] = made.std() / made.mean()
    assert spread[25] == pytest.approx(1 / np.sqrt(25), rel=0.1)
    assert spread[2500] == pytest.approx(1 / np.sqrt(2500), rel=0.1)


def test_a_slab_repeats_only_in_its_plane():
    sheet = crystal([42], [[0, 0, 0]], [[3.2, 0, 0], [0, 3.2, 0], [0, 0, 0]], (True, True, False))
    positions = fill(view(sheet, (0, 0, 1)), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0)).positions
    assert np.unique(positions[:, 2].round(9)).size == 1
    assert len(positions) == 49
    assert abs(np.linalg.det(full_cell(sheet))) == pytest.approx(3.2**2)


def test_frame_is_a_rotation_with_the_zone_along_z():
    turn = frame(TRICLINIC["cell"], (1, 2, -1))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    beam = turn @ (np.array([1, 2, -1]) @ TRICLINIC["cell"])
    assert beam[2] > 0
    np.testing.assert_allclose(beam[:2], 0, atol=1e-9)


def test_common_zones_have_the_shortest_repeats():
    assert common_zones(HEXAGONAL)[0] == (1, 0, 0)
    assert (0, 0, 1) not in common_zones(HEXAGONAL)
    assert len(common_zones(CUBIC, 7)) == 7


def test_impossible_requests_are_refused():
    with pytest.raises(ConfigError, match="zone"):
        stem.image(CUBIC, seed=0, zone=(0, 0, 0))
    with pytest.raises(ConfigError, match="size"):
        stem.image(CUBIC, seed=0, size=4)
    sliver = crystal([6], [[0, 0, 0]], np.diag([3.0, 3.0, 1e-6]))
    with pytest.raises(StructureError) as caught:
        stem.image(sliver, seed=0, zone=(0, 0, 1))
    assert caught.value.code == "too-many-atoms"


def test_a_cloud_of_atoms_looks_like_the_structure_that_it_was_cut_from():
    under = replace(conditions(4), tilt_mrad=(0.0, 0.0))
    edge = 1.5 * under.field_nm
    cloud = fill(view(HEXAGONAL, (1, 0, 0)), (edge, edge, under.thickness_nm), under.offset)
    made = stem.micrograph(cloud, under=under, rng=np.random.default_rng([4, 1]))
    straight = stem.image(HEXAGONAL, seed=4, zone=(1, 0, 0), under=under)
    np.testing.assert_allclose(made["pixels"].astype(float), straight["pixels"], atol=2)
    assert made["nm_per_pixel"] == straight["nm_per_pixel"]


def test_an_empty_field_is_only_noise():
    nothing = Cloud(positions=np.empty((0, 3)), numbers=np.empty(0, dtype=int))
    made = stem.micrograph(nothing, under=conditions(1), rng=np.random.default_rng(0), size=32)
    assert made["pixels"].shape == (32, 32)


def test_images_of_a_session_share_what_a_session_keeps():
    kept = session(0, 3)
    one, other = (during(kept, np.random.default_rng(i)) for i in range(2))
    assert one.dose == other.dose == kept.dose
    assert one.rotation != other.rotation
    assert session(0, 3) == kept != session(0, 4)
