"""Laws of the structure encoder, and what it refuses."""

import numpy as np
import pytest
import torch
from comma_encoders.errors import InputError
from comma_encoders.modalities.structure import memory
from comma_encoders.modalities.structure.coerce import coerce
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.modalities.structure.guard import checked, completed, estimated_edges, heights
from comma_encoders.modalities.structure.neighbours import neighbours
from comma_encoders.modality import examples
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymatgen.core import Lattice, Molecule, Structure


def encode(*values, readout="mean"):
    torch.manual_seed(0)
    config = Config(readout=readout)
    with torch.no_grad():
        return Encoder(config).eval()(collate(values, config))


def crystal():
    rocksalt = Structure.from_spacegroup(225, Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return rocksalt.get_primitive_structure()


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
        checked({**big, "cell": np.eye(3) * 20}, Config(cutoff=15.0, max_edges=1_000_000))


@pytest.mark.parametrize("periodic", [(True, True, True), (True, True, False), (False, False, False)])
def test_edges_are_estimated_before_the_search(periodic):
    grid = np.array(list(np.ndindex(9, 9, 9))) * 2.5
    points, pbc = grid + np.random.default_rng(0).uniform(0, 0.3, grid.shape), np.array(periodic)
    cell = completed(np.eye(3) * 22.5, pbc)
    found = len(neighbours(points, cell, pbc, 5.0).source)
    assert 0.5 < estimated_edges(points, cell, pbc, 5.0) / found < 2.5


def test_a_structure_that_memory_does_not_hold_is_refused(monkeypatch):
    large = {**GOOD, "numbers": np.full(4096, 11), "positions": 2.0 * np.array(list(np.ndindex(16, 16, 16)))}
    large["cell"] = np.eye(3) * 32.0
    monkeypatch.setattr(memory, "available", lambda: 1000.0)
    assert collate([GOOD], Config())["count"] == 1  # too small to ask
    with pytest.raises(InputError, match=r"4096 atoms .* GiB to encode, 0\.0 GiB are free"):
        collate([large], Config())
    monkeypatch.setattr(memory, "available", lambda: None)
    assert collate([large], Config())["count"] == 1


@given(cell=arrays(float, (3, 3), elements=st.floats(-50, 50, allow_subnormal=False)))
def test_heights_are_volume_over_area(cell):
    areas = np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    assume(areas.min() > 1e-6)
    size = np.abs(cell).max()
    np.testing.assert_allclose(heights(cell) * areas, abs(np.linalg.det(cell)), rtol=1e-9, atol=1e-12 * size**3)


def test_a_flat_cell_has_no_height():
    np.testing.assert_array_equal(heights(np.array([[1.0, 0, 0], [2.0, 0, 0], [0, 0, 1.0]])), 0.0)


def test_what_is_known_of_atoms_is_seen():
    charged = {**GOOD, "charges": [1.0, -1.0]}
    bound = {**GOOD, "bonds": [[0, 1, 2.0]]}
    assert torch.pdist(encode(GOOD, charged, bound)).min() > 1e-4
    features = collate([GOOD, charged, bound], Config())["known"]
    np.testing.assert_array_equal(features[2:4], [[1, 1, 0, 0], [-1, 1, 0, 0]])
    np.testing.assert_array_equal(features[4:], [[0, 0, 2, 1], [0, 0, 2, 1]])


@pytest.mark.parametrize(
    "wrong", [{"charges": [1.0]}, {"charges": [1.0, np.nan]}, {"bonds": [[0, 2, 1]]}, {"bonds": [[0, 0.5, 1]]}]
)
def test_charges_and_bonds_that_do_not_fit_are_refused(wrong):
    with pytest.raises(InputError, match="have to be"):
        collate([GOOD | wrong], Config())


def test_charges_of_user_objects_are_taken():
    salt = crystal()
    salt.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    value = coerce(salt)
    assert dict(zip(value["numbers"].tolist(), value["charges"].tolist(), strict=True)) == {11: 1.0, 17: -1.0}
    assert "charges" not in coerce(crystal())


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


def test_vacuum_does_not_hide_edges():
    grid = np.array(list(np.ndindex(9, 9, 9))) * 2.5
    found = len(neighbours(grid, np.eye(3) * 300, np.ones(3, bool), 5.0).source)
    for cell in (np.eye(3) * 40, np.eye(3) * 300, np.diag([300.0, 30.0, 1000.0])):
        for moved in (grid, grid + cell[0] - 4):  # across a face
            estimate = estimated_edges(moved, cell, np.ones(3, bool), 5.0)
            assert 0.5 < estimate / found < 2.5


def test_a_skewed_cell_is_no_thin_one():
    from pymatgen.core import Lattice, Structure

    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    skewed = salt.copy().make_supercell([[1, 0, 0], [0, 1, 0], [30, 20, 1]])
    assert heights(skewed.lattice.matrix).min() < 0.5
    straight, other = (collate([coerce(s)], Config()) for s in (salt, skewed))
    distances = [tensors["vector"].norm(dim=1).sort().values for tensors in (straight, other)]
    torch.testing.assert_close(*distances, atol=1e-4, rtol=0)
    hydrogen = Structure(Lattice.from_parameters(0.986, 2.61, 2.61, 90, 90, 90), ["H"], [[0, 0, 0]])
    assert np.isfinite(encode(coerce(hydrogen)).numpy()).all()
    thin = {**coerce(salt), "cell": np.diag([0.4, 8.0, 8.0])}
    with pytest.raises(InputError, match="thinner than"):
        checked(thin, Config())
