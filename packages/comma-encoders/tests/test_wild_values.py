"""Values as users have them, odd ones among them: each is read as what it is, or refused with its place."""

import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from comma_encoders import load, save
from comma_encoders.errors import InputError, UsageError
from comma_encoders.folder import overwrite
from comma_encoders.modalities.image.coerce import coerce as image_of
from comma_encoders.modalities.image.pixels import scaled
from comma_encoders.modalities.structure import density, memory
from comma_encoders.modalities.structure.coerce import coerce as structure_of
from comma_encoders.modalities.structure.guard import checked
from comma_encoders.modalities.structure.known import known
from comma_encoders.modality import examples, get
from comma_encoders.model import AlignedModel
from comma_encoders.shared import model_of
from comma_encoders.transformer import Vectors
from PIL import Image
from pymatgen.core import Lattice, Structure

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
DISORDERED = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
RGB = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    return AlignedModel.create("structure", "composition", "text", "image", dim=16).eval()


def cif(_path):
    return SALT.to(fmt="cif") + "# " + 300 * "x"


def cut_short(path):
    Image.fromarray(RGB).save(path / "whole.png")
    (path / "cut.png").write_bytes((path / "whole.png").read_bytes()[:500])
    opened = Image.open(path / "cut.png")
    opened.fp.close()  # what is left of a file that went away
    return opened


@pytest.mark.parametrize(
    ("modality", "odd", "message"),
    [
        ("structure", lambda _: Structure(Lattice.cubic(4), [], []), "without atoms"),
        ("structure", lambda _: SALT[0], "cannot make a structure of PeriodicSite"),
        ("structure", cif, "looks like the content of a file"),
        ("structure", lambda _: SimpleNamespace(z=torch.tensor([6]), pos=None), "needs z"),
        ("structure", lambda _: SimpleNamespace(z=torch.tensor([6]), pos=torch.zeros(1, 2)), "needs z"),
        ("structure", lambda _: {**structure_of(SALT), "numbers": [10**30] * 8}, "OverflowError"),
        ("structure", lambda _: {**structure_of(SALT), "numbers": [6.9] * 8}, "whole"),
        ("structure", lambda _: {**structure_of(SALT), "charges": ["a"] * 8}, "charges have to be numbers"),
        ("composition", lambda _: {"Fe": 10**400}, "OverflowError"),
        ("composition", lambda _: "MgCl2.6NH3", "adduct"),
        ("composition", lambda _: "NaCl.2D2O", "adduct"),
        ("image", cut_short, "cannot read the pixels"),
        ("image", lambda _: [[1, 2], [3]], "cannot read the pixels"),
        ("image", lambda _: torch.zeros(8, 8, dtype=torch.bfloat16), "cannot read the pixels"),
        ("image", lambda _: {"pixels": RGB[..., 0], "nm_per_pixel": "wide"}, "nm_per_pixel"),
        ("image", lambda _: 300 * "x", "looks like the content of a file"),
    ],
)
def test_what_cannot_be_read_takes_no_other_value_with_it(model, tmp_path, modality, odd, message):
    sound = {"structure": SALT, "composition": "NaCl", "image": RGB[..., 0]}[modality]
    found = model.encode_all(modality, [sound, odd(tmp_path), sound])
    assert found.places.tolist() == [0, 2]
    assert message in str(found.refused[1])


def test_what_a_library_raises_is_a_refusal_too(model):
    class Broken:
        is_ordered = True
        cart_coords = None

        def __len__(self):
            return 1

    found = model.encode_all("structure", [Broken(), SALT])
    assert "a Broken cannot be read (TypeError" in str(found.refused[0])


@pytest.mark.parametrize(("modality", "one"), [("structure", DISORDERED), ("image", RGB), ("image", RGB[..., 0])])
def test_one_value_is_no_list(model, modality, one):
    with pytest.raises(UsageError, match="give a list"):
        model.encode(modality, one)


def test_vectors_can_be_learnt_from_and_changed(model):
    z = model.encode("composition", ["NaCl", "MgO"])
    torch.nn.Linear(16, 1)(z).sum().backward()
    z.sub_(z.mean(dim=0))


@pytest.mark.parametrize(
    ("modality", "value"),
    [("text", "Mix 1" + 40 * "0" + " mol NaCl."), ("text", "C" + 40 * "1"), ("composition", {"Fe": 1e308, "O": 1e308})],
)
def test_enormous_amounts_have_a_vector(model, modality, value):
    assert model.encode(modality, [value]).isfinite().all()


def test_a_vector_that_is_not_finite_is_not_given_out():
    model = AlignedModel.create("composition", dim=4)
    with torch.no_grad():
        model.heads["composition"].linear.bias.fill_(torch.nan)
    assert "is not finite" in str(model.encode_all("composition", ["NaCl"]).refused[0])


@pytest.mark.parametrize("mode", ["CMYK", "P", "L", "YCbCr"])
def test_brightness_is_read_whatever_the_mode(mode, tmp_path):
    smooth = np.repeat(np.linspace(20, 230, 64).astype(np.uint8)[None, :, None], 3, axis=2).repeat(48, axis=0)
    picture = Image.fromarray(smooth).convert(mode)
    grey = smooth[..., 0].astype(float)
    for found in (image_of(picture)["pixels"], image_of(_saved(picture, tmp_path))["pixels"]):
        assert np.corrcoef(found.ravel(), grey.ravel())[0, 1] > 0.9  # a palette is dithered


def _saved(picture: Image.Image, folder: Path) -> Path:
    path = folder / "picture.tif"
    picture.save(path)
    return path


@pytest.mark.parametrize("unit", [1e-16, 1e-9, 1.0, 1e9])
def test_contrast_does_not_depend_on_the_unit(unit):
    pixels = np.random.default_rng(0).normal(size=(32, 32))
    np.testing.assert_allclose(scaled(pixels * unit), scaled(pixels), atol=1e-4)
    assert np.ptp(scaled(np.full((8, 8), 3 * unit))) == 0


def test_bonds_without_an_order_are_not_other_bonds():
    with pytest.raises(InputError, match=r"\(b, 3\).*\(3, 2\)"):
        known({"bonds": [[0, 1], [1, 2], [2, 3]]}, 4)
    assert known({"bonds": []}, 4)[:, 2].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("more", "periodic"),
    [
        ({}, [False, False, False]),
        ({"cell": torch.eye(3)[None] * 8}, [True, True, True]),
        ({"cell": torch.diag(torch.tensor([8.0, 8.0, 0.0]))}, [True, True, False]),
        ({"cell": torch.zeros(3, 3)}, [False, False, False]),
        ({"cell": torch.eye(3) * 8, "pbc": torch.tensor([[True, True, False]])}, [True, True, False]),
    ],
)
def test_pyg_data_repeats_where_it_says(more, periodic):
    position = torch.zeros(1, 3, requires_grad=True)
    value = structure_of(SimpleNamespace(z=torch.tensor([6]), pos=position, **more))
    assert value["periodic"].tolist() == periodic
    checked(value, get("structure").Config())


def test_a_frozen_part_stays_frozen(model):
    model.train()
    model.encoders["text"].eval()
    modes = {name: part.training for name, part in model.named_modules()}
    model.encode("composition", ["NaCl"])
    assert {name: part.training for name, part in model.named_modules()} == modes
    model.eval()


def test_what_an_imputer_learns_from_is_looked_at(model):
    z = torch.randn(30, 16)
    with pytest.raises(UsageError, match="text: this model's vectors are"):
        model.fit_imputer({"structure": z, "text": torch.randn(30, 8)})
    z[3] = torch.nan
    with pytest.raises(InputError, match="structure: row 3 is not finite"):
        model.fit_imputer({"structure": z, "text": torch.randn(30, 16)})


def test_another_model_in_the_same_folder_is_read(tmp_path):
    for seed in (0, 1):
        made = AlignedModel.create("composition", dim=8, seed=seed)
        overwrite(made, tmp_path / "run")
        found = model_of(tmp_path / "run", "composition", "cpu").encode("composition", ["NaCl"])
        assert torch.equal(found, made.encode("composition", ["NaCl"]))


def test_a_model_that_cannot_be_saved_leaves_an_empty_folder(tmp_path):
    model = AlignedModel.create("composition", dim=4)
    with pytest.raises(TypeError):
        save(model, str(tmp_path / "model"), {"made": object()})
    save(model, str(tmp_path / "model"))
    assert load(tmp_path / "model", device=torch.device("cpu")).dim == 4
    assert AlignedModel.from_pretrained(tmp_path / "model", verify=False).dim == 4
    with pytest.raises(UsageError, match="at least 1"):
        model.encode("composition", ["NaCl"], batch_size=0)


def test_a_container_bounds_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    whole = memory.available()
    for name, told in {"max": "3000", "current": "2500", "stat": "active_file 100\ninactive_file 200\n"}.items():
        (tmp_path / f"memory.{name}").write_text(told)
    assert memory.available() == 800
    (tmp_path / "memory.max").write_text("max")
    assert memory.available() == pytest.approx(whole, rel=0.5)  # other processes come and go


def _forked(model):
    with density.using("reference"):
        wanted = model.encode("structure", [SALT])
    return float((model.encode("structure", [SALT]) - wanted).abs().max())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system forks nothing")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_structures_are_encoded_in_a_forked_process(model):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # torch's own pool does not survive a fork
    try:
        model.encode("structure", [SALT])  # numba's pool is there
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.apply_async(_forked, [model]).get(60) < 1e-4
    finally:
        torch.set_num_threads(threads)


def test_a_frame_and_an_array_of_one_column_are_values():
    pd = pytest.importorskip("pandas")
    vectors = Vectors("composition")
    plain = vectors.transform(["NaCl", "MgO"])
    frame = pd.DataFrame({"Co": ["NaCl", "MgO"]}, index=[5, 7])
    for given in (frame, frame["Co"], frame.to_numpy()):
        np.testing.assert_array_equal(vectors.transform(given), plain)
    with pytest.raises(UsageError, match="one column; got 2"):
        vectors.transform(frame.assign(other=1))
    told = Vectors("composition").set_output(transform="pandas").transform(frame)
    assert told.index.tolist() == [5, 7]
    assert told.columns[0] == "composition_0"
    with pytest.raises(UsageError, match="transform='polars'"):
        vectors.set_output(transform="polars")


@pytest.mark.parametrize("name", ["composition", "image", "text", "xrd"])
def test_a_column_of_values_is_a_list(name):
    pd = pytest.importorskip("pandas")
    values = examples(name, 3)
    model = AlignedModel.create(name, dim=8)
    expected = model.encode(name, values)
    column = pd.Series(values, index=[7, 7, 8])
    for given in (column, dict(enumerate(values)).values()):
        torch.testing.assert_close(model.encode(name, given), expected)


class Atom:
    def __init__(self, hydrogens):
        self.hydrogens = hydrogens

    def GetAtomicNum(self):  # noqa: N802  RDKit's names
        return 6

    def GetFormalCharge(self):  # noqa: N802
        return 0

    def GetTotalNumHs(self):  # noqa: N802
        return self.hydrogens


class Drawing:
    """What RDKit's molecules answer."""

    def __init__(self, *, solid, hydrogens):
        self.solid, self.hydrogens = solid, hydrogens

    def GetNumConformers(self):  # noqa: N802
        return 1

    def GetConformer(self):  # noqa: N802
        return self

    def Is3D(self):  # noqa: N802
        return self.solid

    def GetPositions(self):  # noqa: N802
        return np.array([[0.0, 0.0, 0.0], [1.5, 0.0, 0.0]])

    def GetAtoms(self):  # noqa: N802
        return [Atom(self.hydrogens), Atom(0)]

    def GetBonds(self):  # noqa: N802
        return []


def test_a_molecule_that_lacks_places_is_refused():
    assert len(structure_of(Drawing(solid=True, hydrogens=0))["numbers"]) == 2
    with pytest.raises(InputError, match="coordinates of a drawing"):
        structure_of(Drawing(solid=False, hydrogens=0))
    with pytest.raises(InputError, match="places of 3 hydrogens"):
        structure_of(Drawing(solid=True, hydrogens=3))


def test_a_batch_of_graphs_is_not_one_structure():
    one = SimpleNamespace(z=torch.tensor([11, 17]), pos=torch.tensor([[0.0, 0, 0], [2.8, 0, 0]]), num_graphs=1)
    assert len(structure_of(one)["numbers"]) == 2
    one.num_graphs = 2
    with pytest.raises(InputError, match="batch of 2 graphs"):
        structure_of(one)


def test_an_imputer_takes_no_other_modality(model):
    with pytest.raises(UsageError, match="unknown modality 'compositions'"):
        model.fit_imputer({"compositions": np.eye(8), "text": np.eye(8)})


def test_a_model_has_a_modality():
    with pytest.raises(UsageError, match="has to have a modality"):
        AlignedModel.create()
