"""What a user asks of a model: vectors, similarities, and a clear answer to what cannot be."""

from functools import partial

import numpy as np
import pytest
import torch
from comma_encoders import encoding, folder, packing
from comma_encoders.errors import InputError, UsageError
from comma_encoders.modality import examples, get
from comma_encoders.model import AlignedModel
from comma_encoders.progress import bar
from comma_encoders.types import Embedded
from pymatgen.core import Composition, Lattice, Molecule, Structure

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture(scope="module")
def model():
    return AlignedModel.create("composition", "structure", "text")


def test_numpy_and_torch_are_the_same_numbers(model):
    tensor = model.encode("composition", ["NaCl", "MgO"])
    array = model.encode("composition", ["NaCl", "MgO"], output="numpy")
    assert isinstance(tensor, torch.Tensor)
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(tensor.numpy(), array)


def test_users_bring_what_they_have(model, tmp_path):
    ase = pytest.importorskip("ase")
    SALT.to(filename=str(tmp_path / "salt.cif"))
    atoms = ase.Atoms(SALT.atomic_numbers, positions=SALT.cart_coords, cell=SALT.lattice.matrix, pbc=True)
    vectors = model.encode("structure", [SALT, atoms, tmp_path / "salt.cif", str(tmp_path / "salt.cif")])
    torch.testing.assert_close(vectors, vectors[:1].expand(4, -1), rtol=1e-3, atol=1e-3)
    water = Molecule("OHH", [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]])
    assert model.encode("structure", [water]).shape == (1, 128)
    a, b = model.encode("composition", ["NaCl", Composition("NaCl")])
    torch.testing.assert_close(a, b)


def test_a_generator_is_as_good_as_a_list(model):
    formulas = ["NaCl", "MgO", "Fe2O3"]
    torch.testing.assert_close(
        model.encode("composition", (f for f in formulas)), model.encode("composition", np.array(formulas))
    )


def test_structures_of_very_different_sizes_do_not_share_a_batch(model, monkeypatch):
    monkeypatch.setattr(encoding, "Packer", partial(packing.Packer, budget=60_000))
    crystals = [SALT, SALT * (4, 4, 4), SALT, SALT * (3, 3, 3), SALT]
    seen = []
    run = AlignedModel.project
    monkeypatch.setattr(
        AlignedModel, "project", lambda self, name, x: (seen.append(packing.numbers(x)), run(self, name, x))[1]
    )
    vectors = model.encode("structure", crystals)
    alone = torch.cat([model.encode("structure", [crystal]) for crystal in crystals])
    torch.testing.assert_close(vectors, alone, rtol=1e-4, atol=1e-4)
    assert len(seen) > len(crystals) + 1, "the first call made more than one batch"


@pytest.mark.parametrize(
    ("modality", "values", "error", "message"),
    [
        ("text", "Mix and fire.", UsageError, r"give a list of text values, not one str: \[value\]"),
        ("composition", {"Na": 1}, UsageError, "not one dict"),
        ("composition", Composition("NaCl"), UsageError, "not one Composition"),
        ("structure", SALT, UsageError, "not one Structure"),
        ("image", [np.eye(9)], UsageError, "has no modality 'image'; it has composition, structure, text"),
        ("composition", [], InputError, "no composition values"),
        ("composition", ["NaCl", "Qq"], InputError, r"'Qq' is not a plain formula.*\(value 1\)"),
        ("structure", [SALT, "nowhere.cif"], InputError, r"no structure file nowhere.cif.*\(value 1\)"),
    ],
)
def test_mistakes_are_explained(model, modality, values, error, message):
    with pytest.raises(error, match=message):
        model.encode(modality, values)


def test_what_can_only_be_iterated_is_a_list(model):
    pandas = pytest.importorskip("pandas")
    expected = model.encode("composition", ["NaCl", "MgO"])
    torch.testing.assert_close(model.encode("composition", pandas.Series(["NaCl", "MgO"])), expected)
    torch.testing.assert_close(model.encode("composition", {"NaCl": 0, "MgO": 1}.keys()), expected)


def test_what_cannot_be_encoded_does_not_stop_the_others(model):
    encoded = model.encode_all("composition", ["NaCl", "Qq", "MgO"])
    torch.testing.assert_close(encoded.z, model.encode("composition", ["NaCl", "MgO"]))
    assert encoded.places.tolist() == [0, 2]
    assert list(encoded.refused) == [1]


def test_similarity_takes_objects_vectors_and_both(model):
    texts = ["Mix BaCO3 and TiO2.", "Dissolve in water."]
    expected = model.encode("structure", [SALT]) @ model.encode("text", texts).T
    vectors = model.encode("text", texts, output="numpy")
    rows = Embedded(z=torch.from_numpy(vectors), rows=torch.arange(2))
    for side in ({"text": texts}, vectors, torch.from_numpy(vectors), 3 * vectors, rows):
        torch.testing.assert_close(model.similarity({"structure": [SALT]}, side), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.similarity(vectors, vectors).diagonal(), torch.ones(2))


@pytest.mark.parametrize("bad", [{"structure": [SALT], "text": ["Mix."]}, {}, np.zeros((2, 5))])
def test_a_side_that_cannot_be_compared_is_refused(model, bad):
    with pytest.raises(UsageError):
        model.similarity({"structure": [SALT]}, bad)


def test_bf16_is_near(model):
    values = examples("text", 4)
    exact = model.encode("text", values)
    model.precision = "bf16"
    try:
        coarse = model.encode("text", values)
    finally:
        model.precision = "fp32"
    assert coarse.dtype == torch.float32
    assert (exact * coarse).sum(dim=1).min() > 1 - 1e-2
    assert not torch.equal(exact, coarse)


def test_encoding_leaves_training_mode_as_it_was():
    model = AlignedModel.create("composition").train()
    model.encode("composition", ["NaCl"])
    assert model.training
    assert model.encoders["composition"].training


@pytest.mark.parametrize(("total", "show"), [(10**6, None), (None, None), (10, True), (10**6, False)])
def test_there_is_no_bar_where_there_is_no_terminal(total, show, capsys):
    with bar("text", total, show=show) as done:
        done(5)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal_shows_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with bar("text", 1000) as done:
        done(1000)
    assert "1000/1000" in capsys.readouterr().err


def test_one_head_for_all_is_saved_and_loaded(tmp_path):
    torch.manual_seed(0)
    model = AlignedModel({m: get(m).Config() for m in ("structure", "xrd")}, 16, shared_head=True).eval()
    values = examples("xrd", 3)
    folder.save(model, tmp_path / "model")
    again = folder.load(tmp_path / "model")
    assert torch.equal(model.encode("xrd", values), again.encode("xrd", values))
    own = AlignedModel({m: get(m).Config() for m in ("structure", "xrd")}, 16)
    assert sum(p.numel() for p in model.heads.parameters()) < sum(p.numel() for p in own.heads.parameters())
