"""A model in memory stays what it was, whatever becomes of its files, of torch's settings and of other threads."""

import json
import pickle
import shutil
import threading
import time

import numba
import numpy as np
import pytest
import torch
from comma_encoders import folder
from comma_encoders.encoding import evaluating
from comma_encoders.errors import InputError
from comma_encoders.folder import sha256
from comma_encoders.modalities.structure import compiled
from comma_encoders.modalities.text import pretrained, vocabulary
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.tokenizer import Tokenizer
from comma_encoders.modality import examples, names
from comma_encoders.model import AlignedModel

TEXTS = ["Anneal the boule at 900 °C.", "Mix BaCO3 and TiO2."]


@pytest.fixture
def place(tmp_path):
    """A model with a vocabulary of its own, saved."""
    own = tmp_path / "own.txt"
    Tokenizer([*vocabulary.base(), "boule"]).save(own)
    torch.manual_seed(0)
    folder.save(AlignedModel({"text": Config(vocabulary=str(own), width=8, heads=2)}, dim=4), tmp_path / "model")
    return tmp_path / "model"


def test_a_loaded_model_needs_no_file(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place.parent)
    model = folder.load(place.name)
    before = model.encode("text", TEXTS)
    monkeypatch.chdir("/")
    shutil.rmtree(place)
    there = pickle.loads(pickle.dumps(model))  # noqa: S301  our own
    for one in (model, there):
        torch.testing.assert_close(one.encode("text", TEXTS), before)
    folder.save(there, tmp_path / "again")
    torch.testing.assert_close(folder.load(tmp_path / "again").encode("text", TEXTS), before)


def test_another_vocabulary_in_its_place_changes_nothing(place):
    model = folder.load(place)
    before = model.encode("text", TEXTS)
    Tokenizer([*vocabulary.base()[::-1], "boule"]).save(place / "text-vocabulary.txt")
    torch.testing.assert_close(model.encode("text", TEXTS), before)


def test_a_model_that_is_made_has_its_vocabulary_too(tmp_path):
    own = tmp_path / "own.txt"
    Tokenizer([*vocabulary.base(), "boule"]).save(own)
    model = AlignedModel({"text": Config(vocabulary=str(own), width=8, heads=2)}, dim=4)
    own.unlink()
    assert model.encode("text", TEXTS).shape == (2, 4)


def changed(place, **settings):
    """Settings of the text encoder, in a folder whose hashes are right."""
    path = place / "config.json"
    config = json.loads(path.read_text())
    config["modalities"]["text"] |= settings
    path.write_text(json.dumps(config))
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["sha256"]["config.json"] = sha256(path)
    (place / "manifest.json").write_text(json.dumps(manifest))


def test_a_folder_never_makes_the_hub_be_asked(place, monkeypatch):
    asked = []
    monkeypatch.setattr(pretrained, "_had", lambda name, *_, **__: asked.append(name))
    changed(place, pretrained="someone/else")
    with pytest.raises(InputError, match="none of the hashed files"):
        folder.load(place)
    assert not asked


@pytest.mark.parametrize("where", ["../own.txt", "text-vocabulary.other", "/etc/hostname"])
def test_a_file_without_a_hash_is_not_read(place, where):
    changed(place, vocabulary=where)
    with pytest.raises(InputError, match="none of the hashed files"):
        folder.load(place, verify=False)


@pytest.mark.parametrize("content", [b"", b"\x80", b"hello"])
def test_a_file_that_holds_something_else_is_refused(place, content):
    path = place / "text-vocabulary.txt"
    path.write_bytes(content)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["sha256"][path.name] = sha256(path)
    (place / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"damaged|something else"):
        folder.load(place, verify=False)


def test_a_vocabulary_that_the_manifest_forgot_is_refused(place):
    manifest = json.loads((place / "manifest.json").read_text())
    del manifest["sha256"]["text-vocabulary.txt"]
    (place / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="none of the hashed files"):
        folder.load(place, verify=False)


def test_loading_draws_nothing_from_the_generator(place):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    folder.load(place)
    torch.testing.assert_close(torch.rand(3), expected)


@pytest.mark.parametrize("name", names())
def test_another_default_of_torch_changes_nothing(name):
    values = examples(name, 3)
    before = AlignedModel.create(name, dim=8).encode(name, values)
    torch.set_default_dtype(torch.float64)
    try:
        model = AlignedModel.create(name, dim=8)
        made = model.encode(name, values)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, before)


def test_an_imputer_works_in_either(tmp_path):
    rng = np.random.default_rng(0)
    z = {
        name: torch.nn.functional.normalize(torch.tensor(rng.normal(size=(60, 8)), dtype=torch.float32), dim=1)
        for name in ("composition", "text")
    }
    model = AlignedModel.create(*z, dim=8)
    model.fit_imputer(z)
    folder.save(model, tmp_path / "m")
    expected = model.impute({"composition": z["composition"]}, "text")
    torch.set_default_dtype(torch.float64)
    try:
        found = folder.load(tmp_path / "m").impute({"composition": z["composition"]}, "text")
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.z.dtype == torch.float32
    torch.testing.assert_close(found.z, expected.z)


def test_numba_keeps_its_threads():
    if not compiled.usable():
        pytest.skip("forked")
    before, threads = numba.get_num_threads(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        AlignedModel.create("structure", dim=8).encode("structure", examples("structure", 3))
    finally:
        torch.set_num_threads(threads)
    assert numba.get_num_threads() == before


def test_threads_share_the_evaluation_mode():
    model = AlignedModel.create("composition", dim=8)
    model.train()
    long, short = threading.Event(), threading.Event()

    def first():
        with evaluating(model):
            long.set()
            short.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert long.wait(30)
    with evaluating(model):
        short.set()
        thread.join(30)
        assert not model.training  # the first has left, and this one is still within
        time.sleep(0)
    assert all(part.training for part in model.modules())


def test_a_large_list_of_pictures_is_not_held_at_once(tmp_path, monkeypatch):
    from comma_encoders import encoding
    from PIL import Image

    for i in range(6):
        grey = np.random.default_rng(i).integers(0, 255, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / f"{i}.png")
    paths = sorted(tmp_path.glob("*.png"))
    model = AlignedModel.create("image", dim=8)
    expected = model.encode_all("image", [*paths, "no.png", *paths])
    held = []
    real = encoding._window
    monkeypatch.setattr(encoding, "_window", lambda window, *rest: held.append(len(window)) or real(window, *rest))
    monkeypatch.setattr(encoding, "HELD", 40_000)
    found = model.encode_all("image", [*paths, "no.png", *paths])
    assert held == [3, 3, 4, 3]  # 16 kB each as float32; what is no picture takes none
    assert list(found.refused) == list(expected.refused) == [6]
    assert found.places.tolist() == expected.places.tolist()
    torch.testing.assert_close(found.z, expected.z)
