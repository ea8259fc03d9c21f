"""Super-nodes: the partition of the atoms, and what the encoder makes of it."""

import numpy as np
import pytest
import torch
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.modalities.structure.guard import completed
from comma_encoders.modalities.structure.regions import partition, regions
from comma_encoders.modality import examples

CONFIG = Config(region=4.0, far=12.0)


def crystal(cells=2, seed=0, slant=0.1):
    """A jittered cubic lattice, 2.6 Å apart, in a slanted cell."""
    rng = np.random.default_rng(seed)
    cell = 5.2 * cells * (np.eye(3) + np.array([[0, 0, 0], [slant, 0, 0], [0, -slant, 0]]))
    grid = np.array(list(np.ndindex(*(2 * cells,) * 3))) / (2 * cells)
    positions = (grid + rng.uniform(0.01, 0.04, grid.shape)) @ cell
    return {
        "numbers": rng.integers(3, 30, len(grid)),
        "positions": positions,
        "cell": cell,
        "periodic": np.ones(3, bool),
    }


@pytest.mark.parametrize("periodic", [(True, True, True), (True, False, True), (False, False, False)])
def test_every_atom_is_in_one_region_and_regions_are_small(periodic):
    value, pbc = crystal(cells=3, slant=0), np.array(periodic)
    cell = completed(value["cell"], pbc)
    found = partition(value["positions"], cell, pbc, 4.0)
    assert set(found) == set(range(found.max() + 1))
    assert 20 < found.max() + 1 <= 100
    for number in range(found.max() + 1):
        assert np.ptp(value["positions"][found == number], axis=0).max() < 8


def test_images_of_an_atom_are_in_the_same_region():
    value = crystal()
    moved = value["positions"] + np.random.default_rng(1).integers(-3, 4, value["positions"].shape) @ value["cell"]
    pbc = value["periodic"]
    before, after = (regions(p, value["cell"], pbc, 4.0, 12.0) for p in (value["positions"], moved))
    np.testing.assert_array_equal(before.of_atom, after.of_atom)
    np.testing.assert_allclose(before.graph.vector, after.graph.vector, atol=1e-9)


def encode(*values):
    torch.manual_seed(0)
    with torch.no_grad():
        return Encoder(CONFIG).eval()(collate(values, CONFIG))


def test_rotation_and_order_change_nothing():
    value, rng = crystal(), np.random.default_rng(2)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    order = rng.permutation(len(value["numbers"]))
    moved = {
        **value,
        "numbers": value["numbers"][order],
        "positions": (value["positions"] @ rotation.T)[order],
        "cell": value["cell"] @ rotation.T,
    }
    torch.testing.assert_close(encode(value), encode(moved), rtol=1e-4, atol=1e-4)


def test_a_batch_equals_its_singles():
    values = [crystal(), *examples("structure", 3), crystal(seed=1)]
    torch.testing.assert_close(encode(*values), torch.cat([encode(v) for v in values]), rtol=1e-4, atol=1e-5)


def test_atoms_hear_of_others_far_beyond_the_cutoffs_of_all_rounds():
    chain = {
        "numbers": np.full(9, 6),
        "positions": np.stack([np.arange(9) * 6.0, np.zeros(9), np.zeros(9)], axis=1),
        "cell": np.zeros((3, 3)),
        "periodic": np.zeros(3, bool),
    }
    other = {**chain, "numbers": np.array([*chain["numbers"][:-1], 8])}

    def second(config):
        torch.manual_seed(0)
        model = Encoder(config).eval()
        with torch.no_grad():
            a, b = (model.atoms(collate([v], config)) for v in (chain, other))
        return (a - b)[7].abs().max()

    assert second(Config(cutoff=5.0)) == 0
    assert second(Config(cutoff=5.0, region=4.0, far=12.0)) > 1e-4


def test_every_parameter_gets_a_gradient():
    model = Encoder(CONFIG)
    model(collate([crystal(), *examples("structure", 6)], CONFIG)).square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
