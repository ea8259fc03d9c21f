"""Laws of the structure encoder, and neighbours against brute force."""

import itertools

import numpy as np
import pytest
import torch
from comma_encoders.errors import InputError
from comma_encoders.modalities.structure.coerce import coerce
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.encoder import Encoder, smooth_cutoff, spline_basis
from comma_encoders.modalities.structure.graph import collate, neighbours
from comma_encoders.modalities.structure.guard import checked, completed
from comma_encoders.modality import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Molecule, Structure


def encode(*values, readout="mean"):
    torch.manual_seed(0)
    config = Config(readout=readout)
    with torch.no_grad():
        return Encoder(config).eval()(collate(values, config))


def crystal():
    rocksalt = Structure.from_spacegroup(225, Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return rocksalt.get_primitive_structure()


def brute_force(positions, cell, periodic, cutoff):
    """Sorted (i, j, distance) over as many images as could matter."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    spread = np.ceil(np.ptp(positions @ np.linalg.inv(cell), axis=0)) if len(positions) > 1 else np.zeros(3)
    reach = np.where(periodic, np.ceil(cutoff / heights) + spread + 1, 0).astype(int)
    found = []
    for shift in itertools.product(*(range(-r, r + 1) for r in reach)):
        delta = positions[None, :] + np.array(shift) @ cell - positions[:, None]
        distance = np.linalg.norm(delta, axis=2)
        found += [(i, j, distance[i, j]) for i, j in np.argwhere((distance <= cutoff) & (distance > 1e-8))]
    return np.array(sorted(found, key=lambda e: (e[0], e[1], e[2])))


NASTY = {
    "cutoff larger than the cell": (np.eye(3) * 2.2, [[0, 0, 0]], True),
    "skewed": (np.array([[3.0, 0, 0], [8.5, 3.1, 0], [-7.2, 5.9, 3.3]]), [[0.1, 0.2, 0.3], [1.5, 1.6, 1.7]], True),
    "left-handed": (np.diag([3.0, 4.0, -5.0]), [[0, 0, 0], [1.2, 1.3, -1.4]], True),
    "atoms outside": (np.eye(3) * 4, [[-9.0, 13.0, 0.5], [22.0, -1.0, 2.0]], True),
    "needle": (np.diag([1.5, 40.0, 40.0]), [[0, 0, 0], [0, 20.0, 20.0]], True),
    "slab": (np.diag([3.0, 3.0, 0.0]), [[0, 0, 0], [1.5, 1.5, 2.0]], [True, True, False]),
    "wire": (np.diag([0.0, 0.0, 2.5]), [[0, 0, 0], [1.5, 1.5, 9.0]], [False, False, True]),
    "molecule": (np.zeros((3, 3)), [[0, 0, 0], [1.1, 0, 0], [0, 30.0, 0]], False),
}


@pytest.mark.parametrize("name", NASTY)
def test_neighbours_agree_with_brute_force(name):
    cell, positions, periodic = NASTY[name]
    pbc = np.broadcast_to(periodic, (3,))
    full, points = completed(np.asarray(cell), pbc), np.asarray(positions, dtype=float)
    target, source, distance = neighbours(points, full, pbc, 5.0)
    order = np.lexsort((distance.round(6), source, target))
    found = np.stack([target, source, distance], axis=1)[order]
    expected = brute_force(points, full, pbc, 5.0)
    np.testing.assert_allclose(found, expected.reshape(found.shape), atol=1e-6)
    assert name != "molecule" or len(found) == 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_neighbours_of_random_crystals_agree_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    cell = 4 * np.eye(3) + rng.uniform(-1.5, 1.5, (3, 3))
    points = rng.uniform(-1, 2, (3, 3)) @ cell
    expected = brute_force(points, cell, np.ones(3, bool), 4.0)
    if expected[:, 2].min() < 0.6:
        return
    target, source, distance = neighbours(points, cell, np.ones(3, bool), 4.0)
    assert len(distance) == len(expected)
    np.testing.assert_allclose(np.sort(distance), np.sort(expected[:, 2]), atol=1e-6)
    assert sorted(zip(target, source, strict=True)) == sorted(zip(source, target, strict=True))


@pytest.mark.parametrize("readout", ["mean", "sum", "attention"])
def test_rotation_translation_and_order_change_nothing(readout):
    value = examples("structure", 1, seed=4)[0]
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    order = rng.permutation(len(value["numbers"]))
    moved = {
        **value,
        "numbers": value["numbers"][order],
        "positions": (value["positions"] @ rotation.T + [1.0, -2.0, 3.0])[order],
        "cell": value["cell"] @ rotation.T,
    }
    torch.testing.assert_close(encode(value, readout=readout), encode(moved, readout=readout), rtol=1e-4, atol=1e-4)


def test_the_choice_of_cell_changes_nothing():
    primitive = crystal()
    other = primitive.copy()
    other.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    torch.testing.assert_close(encode(coerce(primitive)), encode(coerce(other)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("readout", ["mean", "attention"])
def test_a_supercell_is_the_same_material(readout):
    one, eight = encode(coerce(crystal()), coerce(crystal() * 2), readout=readout)
    torch.testing.assert_close(one, eight, rtol=1e-4, atol=1e-4)


def test_the_sum_grows_with_the_cell():
    one, eight = encode(coerce(crystal()), coerce(crystal() * 2), readout="sum")
    torch.testing.assert_close(8 * one, eight, rtol=1e-4, atol=1e-4)


def test_strain_and_species_are_seen():
    base, strained = crystal(), crystal()
    strained.apply_strain(0.02)
    other = crystal()
    other.replace_species({"Na": "K"})
    vectors = encode(*map(coerce, (base, strained, other)))
    assert torch.pdist(vectors).min() > 1e-3


def test_splines_sum_to_one_and_agree_with_scipy():
    from scipy.interpolate import BSpline

    count, cutoff = 9, 5.0
    r = torch.linspace(0, cutoff * 0.999, 50, dtype=torch.float64)
    basis = spline_basis(r, cutoff, count)
    knots = np.arange(-3, count + 1) * cutoff / (count - 3)
    expected = np.stack([BSpline(knots, np.eye(count)[i], 3)(r.numpy()) for i in range(count)], axis=1)
    np.testing.assert_allclose(basis.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(basis.sum(dim=1).numpy(), 1.0, atol=1e-12)


def test_the_cutoff_ends_smoothly():
    r = torch.tensor([0.0, 5.0 - 1e-3, 5.0, 6.0])
    np.testing.assert_allclose(smooth_cutoff(r, 5.0).numpy(), [1, 0, 0, 0], atol=1e-6)


GOOD = {"numbers": [11, 17], "positions": [[0, 0, 0], [2.8, 0, 0]], "cell": np.eye(3) * 5.6, "periodic": [True] * 3}
BAD = {
    "NaN cell": {"cell": np.full((3, 3), np.nan)},
    "infinite position": {"positions": [[0, 0, 0], [np.inf, 0, 0]]},
    "no atoms": {"numbers": [], "positions": np.zeros((0, 3))},
    "atomic number 0": {"numbers": [0, 17]},
    "atomic number 119": {"numbers": [11, 119]},
    "one position short": {"positions": [[0, 0, 0]]},
    "flat cell": {"cell": [[5, 0, 0], [5, 0, 0], [0, 0, 5]]},
    "tiny cell": {"cell": np.eye(3) * 1e-3},
    "coincident": {"positions": [[0, 0, 0], [0, 0, 0]]},
    "too near": {"positions": [[0, 0, 0], [0.3, 0, 0]]},
    "nearer through the boundary": {"positions": [[0.1, 0, 0], [5.5, 0, 0]]},
    "in another unit": {"cell": np.eye(3) * 5.6e6},
    "a word": {"positions": "far"},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arrays_are_refused_before_they_harm(name):
    with pytest.raises(InputError, match=r".{20,}"):
        collate([GOOD | BAD[name]], Config())


def test_the_good_one_passes():
    assert collate([GOOD], Config())["count"] == 1


def test_too_many_edges_are_refused_before_the_search():
    big = {**GOOD, "numbers": np.full(2000, 11), "positions": np.random.default_rng(0).uniform(0, 20, (2000, 3))}
    with pytest.raises(InputError, match="max_edges"):
        checked({**big, "cell": np.eye(3) * 20}, cutoff=15.0, max_edges=1_000_000)


def test_what_users_have_is_taken(tmp_path):
    structure = crystal()
    structure.to(filename=str(tmp_path / "nacl.cif"))
    molecule = Molecule(["O", "H", "H"], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    same = encode(coerce(structure), coerce(str(tmp_path / "nacl.cif")))
    torch.testing.assert_close(same[0], same[1], rtol=1e-3, atol=1e-3)
    assert not coerce(molecule)["periodic"].any()


def test_a_missing_file_and_disorder_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no structure file .*none\.cif"):
        coerce(tmp_path / "none.cif")
    shared = Structure(Lattice.cubic(3), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    with pytest.raises(InputError, match="several species"):
        coerce(shared)
