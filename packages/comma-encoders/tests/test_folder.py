"""A model's folder is verified before it is used."""

import json
import shutil

import numpy as np
import pytest
import torch
from comma_encoders.errors import InputError, UsageError
from comma_encoders.folder import load, read_manifest, save
from comma_encoders.model import AlignedModel


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    save(AlignedModel.create("composition", "text"), folder, {"data": {"name": "toy"}})
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def test_what_the_maker_says_is_kept(saved):
    assert read_manifest(saved)["data"] == {"name": "toy"}


def test_one_flipped_bit_anywhere_is_refused(folder):
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        if path.name == "manifest.json":
            continue
        whole = path.read_bytes()
        for _ in range(20):
            at, bit = int(rng.integers(len(whole))), 1 << int(rng.integers(8))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            with pytest.raises(InputError, match=path.name):
                load(folder)
        path.write_bytes(whole)
    load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "text-vocabulary.txt"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        load(folder)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(UsageError, match="there is no model"):
        load(tmp_path)


def test_a_full_folder_is_not_overwritten(folder):
    with pytest.raises(UsageError, match="not empty"):
        save(AlignedModel.create("composition"), folder)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"sha256": {"../evil": "x"}}'])
def test_a_damaged_manifest_is_refused(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(InputError):
        load(folder)


def _reseal(folder, edit):
    """Change the config and make the hashes right again, as another version of the package would."""
    import hashlib

    config = json.loads((folder / "config.json").read_text())
    edit(config)
    (folder / "config.json").write_text(json.dumps(config))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["config.json"] = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(format=99), "format 99"),
        (lambda c: c.update(dim=64), "should be .*64.* is .*128"),
        (lambda c: c["modalities"]["text"].update(colour="red"), "no setting 'colour'"),
    ],
)
def test_a_config_that_does_not_fit_is_explained_in_one_line(folder, edit, message):
    _reseal(folder, edit)
    with pytest.raises(InputError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_pickles_are_never_opened(folder, tmp_path):
    import pickle

    canary = tmp_path / "canary"

    class Evil:
        def __reduce__(self):
            return (open, (str(canary), "w"))

    (folder / "model.safetensors").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError):
        load(folder)
    assert not canary.exists()


def test_a_loaded_model_is_in_evaluation_mode(folder):
    model = load(folder)
    assert not model.training
    assert torch.equal(model.encode("composition", ["NaCl"]), model.encode("composition", ["NaCl"]))
