"""Laws of the defects: what the coordinates themselves say about Burgers vector, twin and misorientation."""

import numpy as np
import pytest
from comma_data.errors import StructureError
from comma_data.simulate.conditions import conditions
from comma_data.simulate.defects.contact import nearest_neighbour, spread
from comma_data.simulate.defects.defect import Outline, Specimen, mask
from comma_data.simulate.defects.dislocations import edge_displacement, screw_displacement
from comma_data.simulate.defects.kinds import KINDS
from comma_data.simulate.defects.lattice import (
    burgers_vector,
    centrings,
    columns,
    net,
    repeat,
    resolution,
    translations,
)
from comma_data.simulate.projection import view
from comma_data.simulate.scan import beam, signal, still
from comma_data.simulate.stem import turned


def crystal(numbers, fractions, cell):
    cell = np.asarray(cell, dtype=float)
    positions = np.asarray(fractions, dtype=float) @ cell
    return {"numbers": np.array(numbers), "positions": positions, "cell": cell, "periodic": np.ones(3, dtype=bool)}


def face_centred(a):
    return a / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])


GOLD = crystal([79], [[0, 0, 0]], face_centred(4.078))
PEROVSKITE = crystal(
    [38, 22, 8, 8, 8], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], 3.905 * np.eye(3)
)
RUTILE = crystal(
    [22, 22, 8, 8, 8, 8],
    [[0, 0, 0], [0.5] * 3, [0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]],
    np.diag([4.594, 4.594, 2.959]),
)
WURTZITE = crystal(
    [48, 48, 34, 34],
    [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.375], [2 / 3, 1 / 3, 0.875]],
    [[4.30, 0, 0], [-2.15, 4.30 * np.sqrt(0.75), 0], [0, 0, 7.01]],
)
HOSTS = {
    "gold": (GOLD, (1, -1, 0)),
    "perovskite": (PEROVSKITE, (0, 0, 1)),
    "rutile": (RUTILE, (0, 0, 1)),
    "wurtzite": (WURTZITE, (1, 1, 0)),
}


def specimen(host, *, edge=5.0, thickness=4.0, centre=(0.2, -0.3), offset=(0.1, 0.2, 0.3)):
    structure, zone = HOSTS[host]
    return Specimen(seen=view(structure, zone), box_nm=(edge, edge, thickness), offset=offset, centre=np.array(centre))


def made(host, kind, seed=0, **options):
    return KINDS[kind](specimen(host, **options), np.random.default_rng(seed))


def circuit(positions, corner, sides, steps):
    """Walk a parallelogram of lattice steps from atom to nearest atom; where it ends, less where it began."""
    at = first = positions[np.linalg.norm(positions - corner, axis=1).argmin()]
    for step in (sides[0], sides[1], -sides[0], -sides[1]):
        for _ in range(steps):
            apart = np.linalg.norm(positions - at - step, axis=1)
            assert apart.min() < 0.1  # the path does not leave the crystal
            at = positions[apart.argmin()]
    return at - first


@pytest.mark.parametrize("host", ["gold", "perovskite", "rutile"])
@pytest.mark.parametrize("seed", range(3))
def test_the_burgers_circuit_of_an_edge_dislocation_fails_to_close_by_the_burgers_vector(host, seed):
    structure, zone = HOSTS[host]
    defect = made(host, "edge-dislocation", seed, edge=14.0, thickness=1.6, centre=(0.0, 0.0))
    burgers, core = np.array(defect.geometry["burgers"]), np.array([*defect.geometry["at"], 0.0])
    moves = translations(view(structure, zone))
    other = moves[(np.abs(moves @ burgers) < 1e-6) & (np.abs(moves[:, 2]) < 1e-6)][0]
    positions = defect.cloud.positions[defect.cloud.numbers == structure["numbers"][0]]
    steps = 2 * int(2.5 / min(np.linalg.norm(burgers), np.linalg.norm(other)))
    gap = circuit(positions, core - 0.5 * steps * (burgers + other), (burgers, other), steps)
    lattice = moves[np.linalg.norm(moves - gap, axis=1).argmin()]
    sense = np.sign(np.cross(burgers, other)[2])
    assert np.linalg.norm(lattice - sense * burgers) < 0.01 * np.linalg.norm(burgers)
    assert np.linalg.norm(gap - sense * burgers) < 0.1 * np.linalg.norm(burgers)  # but for elastic strain


@pytest.mark.parametrize("field", ["edge", "screw"])
def test_the_displacement_around_the_line_sums_to_the_burgers_vector(field):
    burgers = np.array([0.17, 0.23, 0.0])
    angle = np.linspace(-np.pi, np.pi, 4001)[1:-1]
    along = burgers / np.linalg.norm(burgers)
    across = np.array([-along[1], along[0], 0.0])
    if field == "edge":
        points = np.outer(np.cos(angle), along[:2]) + np.outer(np.sin(angle), across[:2])
        moved = edge_displacement(2.0 * points, burgers)
    else:
        points = np.outer(np.cos(angle), across) + np.outer(np.sin(angle), [0.0, 0.0, 1.0])
        moved = screw_displacement(2.0 * points, burgers)
    np.testing.assert_allclose(moved[-1] - moved[0], burgers, atol=0.005 * np.linalg.norm(burgers))


def test_an_edge_dislocation_keeps_the_balance_of_forces():
    """Navier's equation of isotropic elasticity, by finite differences away from the line."""
    burgers, nu, h = np.array([0.3, 0.0, 0.0]), 0.3, 1e-3
    rng = np.random.default_rng(0)
    for point in rng.uniform(0.5, 2.0, (20, 2)) * rng.choice([-1, 1], (20, 2)):
        steps = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        u = edge_displacement(point + h * steps, burgers)[:, :2].reshape(3, 3, 2)
        xx, yy = (u[2, 1] - 2 * u[1, 1] + u[0, 1]) / h**2, (u[1, 2] - 2 * u[1, 1] + u[1, 0]) / h**2
        xy = (u[2, 2] - u[2, 0] - u[0, 2] + u[0, 0]) / (4 * h**2)
        force = (1 - 2 * nu) * (xx + yy) + np.array([xx[0] + xy[1], xy[0] + yy[1]])
        assert np.abs(force).max() < 1e-3 * np.abs(np.concatenate([xx, yy, xy])).max()


def bonds(positions, length, others=None):
    """Differences between atoms closer than a length, (k, 3)."""
    apart = positions[:, None, :] - (positions if others is None else others)[None, :, :]
    distance = np.linalg.norm(apart, axis=-1)
    return apart[(distance > 1e-6) & (distance < length)]


def halves(defect, species, reach):
    """Atoms of a species well inside either side of a planar defect, from the coordinates."""
    outline = defect.outline
    across = np.array([-outline.along[1], outline.along[0]])
    depth = (defect.cloud.positions[:, :2] - outline.at) @ across
    inside = (np.linalg.norm(defect.cloud.positions[:, :2] - outline.at, axis=1) < 1.6) & (
        np.abs(defect.cloud.positions[:, 2]) < 0.7
    )
    chosen = inside & (defect.cloud.numbers == species)
    return tuple(defect.cloud.positions[chosen & (s * depth > reach)] for s in (-1, 1))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_grain_boundary_has_its_misorientation(host, seed):
    defect = made(host, "grain-boundary", seed)
    lower, upper = halves(defect, HOSTS[host][0]["numbers"][0], 0.2)
    basis = net(view(*HOSTS[host]))
    length = np.linalg.norm(basis[0]) * 1.02
    angles = [_row_angle(bonds(np.unique(p[:, :2].round(6), axis=0), length), basis[0]) for p in (lower, upper)]
    found = abs(np.degrees(angles[0] - angles[1]))
    assert found == pytest.approx(defect.geometry["misorientation_deg"], abs=0.3)


def _row_angle(flat, row):
    """Mean angle of the differences that lie within 20 degrees of a lattice row, radians."""
    angle = np.arctan2(flat[:, 0] * -row[1] + flat[:, 1] * row[0], flat @ row)
    long = np.linalg.norm(flat, axis=1) > 0.98 * np.linalg.norm(row)
    return angle[long & (np.abs(angle) < np.radians(20))].mean()


@pytest.mark.parametrize("host", HOSTS)
def test_the_halves_of_a_twin_are_mirror_images(host):
    defect = made(host, "twin")
    lower, upper = halves(defect, HOSTS[host][0]["numbers"][0], 0.1)
    axis = np.array(defect.geometry["axis"])
    reflected = upper - 2 * np.outer(upper @ axis, axis)
    one, other, unmoved = (bonds(p, 0.62) for p in (lower, reflected, upper))
    assert _same(one, other)
    assert defect.geometry["misorientation_deg"] == 180.0
    assert _same(2 * np.outer(one @ axis, axis) - one, unmoved)
    firsts, lasts = (halves(defect, HOSTS[host][0]["numbers"][i], 0.1) for i in (0, -1))
    assert not _same(*(bonds(a, 0.62, b) for a, b in zip(firsts, lasts, strict=True)))  # or it were no twin


def _same(one, other, tolerance=2e-3):
    """Whether each vector of one set is in the other, and the other way round."""
    apart = np.linalg.norm(_distinct(one)[:, None, :] - _distinct(other)[None, :, :], axis=-1)
    return max(apart.min(axis=0).max(), apart.min(axis=1).max()) < tolerance


def _distinct(vectors):
    return np.unique(vectors.round(3), axis=0)


def test_the_fault_of_a_face_centred_metal_is_that_of_a_shockley_partial():
    defect = made("gold", "stacking-fault")
    assert np.linalg.norm(defect.geometry["shift"]) == pytest.approx(0.4078 / np.sqrt(6), rel=1e-6)
    assert resolution(view(*HOSTS["gold"])) == pytest.approx(0.4078 * np.sqrt(3 / 8), rel=1e-6)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("seed", range(4))
def test_a_stacking_fault_shifts_one_half_by_its_vector(host, seed):
    defect = made(host, "stacking-fault", seed)
    lower, upper = halves(defect, HOSTS[host][0]["numbers"][0], 0.0)
    lattice = view(*HOSTS[host]).vectors
    shift = np.array(defect.geometry["shift"])
    for move, same in ((np.zeros(3), False), (shift, True)):
        apart = (upper[:, None, :] - move - lower[None, :, :]) @ np.linalg.inv(lattice)
        distance = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=-1).min(axis=1)
        assert bool(distance.max() < 1e-6) == same


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_leaves_atoms_apart_and_fills_the_field(host, kind):
    if (host, kind) == ("gold", "antisite"):
        pytest.skip("a gold crystal has no second element")
    try:
        defect = made(host, kind)
    except StructureError as error:
        assert error.code.startswith("no-")  # noqa: PT017 - a kind may be impossible in a host
        pytest.skip(str(error))
    inside = (np.abs(defect.cloud.positions[:, :2]) < 1.6).all(axis=1) & (np.abs(defect.cloud.positions[:, 2]) < 0.6)
    nearest = nearest_neighbour(view(*HOSTS[host]))
    assert spread(defect.cloud.positions[inside]) > 0.5 * nearest
    filled = np.histogram2d(*defect.cloud.positions[:, :2].T, bins=5, range=[[-1.75, 1.75]] * 2)[0]
    assert filled.min() > 0.6 * filled.mean()
    assert filled.max() < 1.5 * filled.mean()


@pytest.mark.parametrize("kind", ["vacancy", "interstitial", "substitution", "antisite"])
def test_a_point_defect_changes_one_column_by_the_stated_number(kind):
    perfect, defect = specimen("perovskite").crystal(), made("perovskite", kind)
    number, share = defect.geometry["atoms"], defect.geometry["share"]
    assert 0.55 < share <= 1
    one, other = (_table(c) for c in (perfect, defect.cloud))
    changed = {"vacancy": (number, 0), "interstitial": (0, number)}.get(kind, (number, number))
    assert (len(one - other), len(other - one)) == changed
    places = np.array([atom[:2] for atom in one ^ other])
    assert np.linalg.norm(places - defect.outline.at, axis=1).max() < 0.05


def _table(cloud):
    return {(*p, n) for p, n in zip(cloud.positions.round(6).tolist(), cloud.numbers.tolist(), strict=True)}


@pytest.mark.parametrize("kind", ["vacancy", "interstitial", "substitution", "antisite"])
def test_a_point_defect_shows_inside_its_mask_and_nowhere_else(kind):
    under = conditions(5)
    place = specimen("perovskite", edge=1.5 * under.field_nm, thickness=under.thickness_nm, offset=under.offset)
    defect = KINDS[kind](place, np.random.default_rng(1))
    views = [
        signal(c.moved(turned(c.positions, under.rotation)), under, still(96)) for c in (defect.cloud, place.crystal())
    ]
    change = np.abs(views[0] - views[1])
    covered = mask(defect.outline, under, 96) == 1
    assert change[covered].mean() > 20 * change[~covered].mean()
    assert change.max() > 0.15 * views[1].max()


def test_masks_follow_the_scan():
    under = conditions(3)
    disc = Outline(at=np.array([0.5, -0.2]), half_width_nm=0.3)
    painted = mask(disc, under, 128)
    y, x = beam(under, still(128))
    centre = turned(disc.at[None, :], under.rotation)[0]
    found = [x[painted == 1].mean(), y[painted == 1].mean()]
    assert found == pytest.approx(list(centre), abs=0.02)
    assert painted.sum() * (under.field_nm / 128) ** 2 == pytest.approx(np.pi * 0.09, rel=0.05)


def test_seeds_repeat():
    one, same, other = (made("rutile", "edge-dislocation", s).cloud.positions for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or np.abs(one - other).max() > 0.01


@pytest.mark.parametrize(
    ("host", "kind", "code"),
    [
        ("gold", "antisite", "one-element"),
        ("alike", "antisite", "no-visible-antisite"),
        ("skew", "edge-dislocation", "no-burgers-vector"),
    ],
)
def test_a_kind_that_makes_no_sense_is_refused(monkeypatch, host, kind, code):
    monkeypatch.setitem(HOSTS, "alike", (crystal([48, 52], [[0, 0, 0], [0.5] * 3], 3.9 * np.eye(3)), (0, 0, 1)))
    skew = crystal([79], [[0, 0, 0]], [[3.1, 0.37, 0.51], [0.43, 3.7, 0.67], [0.29, 0.83, 4.3]])
    monkeypatch.setitem(HOSTS, "skew", (skew, (1, 1, 1)))
    with pytest.raises(StructureError) as caught:
        made(host, kind)
    assert caught.value.code == code


def test_a_molecule_has_no_defects():
    molecule = crystal([8, 8], [[0, 0, 0], [0.5, 0, 0]], 2.4 * np.eye(3)) | {"periodic": np.zeros(3, dtype=bool)}
    with pytest.raises(StructureError) as caught:
        Specimen(seen=view(molecule, (0, 0, 1)), box_nm=(3, 3, 3), offset=(0, 0, 0), centre=np.zeros(2))
    assert caught.value.code == "not-periodic"


def test_a_centred_cell_has_the_translations_of_its_primitive_cell():
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cubic = crystal([79] * 4, corners, 4.078 * np.eye(3))
    seen = view(cubic, (1, 1, 0))
    assert len(centrings(seen)) == 4
    assert repeat(seen) == pytest.approx(0.4078 / np.sqrt(2))
    assert np.linalg.norm(burgers_vector(seen)) == pytest.approx(0.4078 / np.sqrt(2))
    primitive = view(GOLD, (0, 0, 1))
    assert np.abs(np.linalg.det(net(seen))) == pytest.approx(np.abs(np.linalg.det(net(primitive))))
    at, bright = columns(seen)
    assert len(at) == 1
    assert bright == pytest.approx(79**1.7 / repeat(seen))
