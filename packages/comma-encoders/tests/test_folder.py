"""A model's folder is verified before it is used."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from comma_encoders.errors import InputError, UsageError
from comma_encoders.folder import load, overwrite, read_manifest, save
from comma_encoders.modality import examples, get
from comma_encoders.model import AlignedModel
from comma_encoders.rawjson import from_json
from safetensors.torch import load_file, save_file


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
        for _ in range(15):
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


def test_a_loaded_model_is_written_over_its_own_folder(folder):
    model = load(folder)
    steps = ["Mix BaCO3 and TiO2.", "Calcine at 1100 °C."]
    expected = model.encode("text", [steps])
    for _ in range(2):
        overwrite(model, folder)  # its vocabulary lies in there
    assert torch.equal(load(folder).encode("text", [steps]), expected)
    assert torch.equal(model.encode("text", [steps]), expected)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_model_takes_the_place_of_the_first(folder):
    overwrite(AlignedModel.create("composition", dim=16), folder)
    assert load(folder).dim == 16
    assert not (folder / "text-vocabulary.txt").exists()
    overwrite(AlignedModel.create("composition", dim=8), folder.parent / "deep" / "new")
    assert load(folder.parent / "deep" / "new").dim == 8


@pytest.mark.parametrize("failing", ["save", "rename"])
def test_what_a_folder_held_stays_if_writing_fails(folder, monkeypatch, failing):
    model = load(folder)
    if failing == "save":
        monkeypatch.setattr("comma_encoders.folder.save_file", lambda *_, **__: _full())
    else:
        real = Path.rename
        monkeypatch.setattr(Path, "rename", lambda a, b: _full() if a.name == "new" else real(a, b))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OSError, match="no space"):
        overwrite(model, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def _full():
    raise OSError("no space left")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"sha256": {"../evil": "x"}}'])
def test_a_damaged_manifest_is_refused(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(InputError):
        load(folder)


def _reseal(folder, edit, file="config.json"):
    """Change a file and make the hashes right again, as another version of the package would."""
    import hashlib

    content = json.loads((folder / file).read_text())
    edit(content)
    (folder / file).write_text(json.dumps(content))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
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


# --- known answers


def _perturbed(folder, by):
    """Weights that are a little off, with hashes that fit: what a changed dependency or driver would do."""
    import hashlib

    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    changed = {
        k: w + by * w.std() * torch.randn(w.shape, generator=generator) if k.endswith("linear.weight") else w
        for k, w in weights.items()
    }
    save_file(changed, folder / "model.safetensors")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["model.safetensors"] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("by", "fp32", "bf16"),
    [(1e-4, True, True), (0.05, False, True), (1.0, False, False)],
    ids=["tiny", "small", "large"],
)
def test_other_vectors_than_at_saving_are_refused_beyond_rounding(folder, by, fp32, bf16):
    _perturbed(folder, by)
    for precision, passes in (("fp32", fp32), ("bf16", bf16)):
        if passes:
            assert load(folder, precision=precision).precision == precision
        else:
            with pytest.raises(
                InputError, match=rf"other (composition|text) vectors.*cosine 0\.\d+.*{precision} on cpu"
            ):
                load(folder, precision=precision)
    load(folder, verify=False)


def test_the_message_names_the_versions_that_differ(folder):
    def edit(known):
        known["versions"]["torch"] = "1.0"
        known["answers"]["text"]["vectors"][0][0] += 1

    _reseal(folder, edit, "known.json")
    with pytest.raises(InputError, match=r"other text vectors.*torch 1\.0 -> ") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_every_modality_is_asked_with_its_own_values(saved):
    known = json.loads((saved / "known.json").read_text())
    assert set(known["answers"]) == {"composition", "text"}
    assert all(len(answer["values"]) == len(answer["vectors"]) == 2 for answer in known["answers"].values())
    assert from_json(known["answers"]["text"]["values"])[0] == tuple(examples("text", 1)[0])


def test_known_answers_cannot_be_left_out(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]["known.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"no known answers"):
        load(folder)


def test_a_model_of_the_first_format_is_refused_with_what_to_do(folder):
    _reseal(folder, lambda c: c.update(format=1, comma_encoders="0.1.0"))
    with pytest.raises(InputError, match=r"saved by comma-encoders 0\.1\.0.*comma-encoders<0\.2"):
        load(folder)


def test_a_model_that_gives_nan_is_not_saved(tmp_path):
    model = AlignedModel.create("composition")
    with torch.no_grad():
        model.heads["composition"].linear.bias.fill_(torch.nan)
    with pytest.raises(InputError, match="not worth saving: composition: its vector is not finite"):
        save(model, tmp_path / "m")


def test_weights_of_another_version_are_refused_with_both_versions(tmp_path):
    save(AlignedModel({"composition": get("composition").Config(layers=1)}), tmp_path / "m")

    def edit(config):
        config["comma_encoders"] = "0.2.99"
        config["modalities"]["composition"]["layers"] = 2

    _reseal(tmp_path / "m", edit)
    with pytest.raises(InputError, match=r"saved by comma-encoders 0\.2\.99.*under comma-encoders \d"):
        load(tmp_path / "m")


def test_what_the_maker_said_survives_loading_and_saving(saved, tmp_path):
    save(load(saved), tmp_path / "again")
    assert read_manifest(tmp_path / "again")["data"] == {"name": "toy"}


def test_a_device_that_is_not_here_is_told(saved):
    with pytest.raises(UsageError, match="available are auto, cpu"):
        load(saved, device="abacus")
    assert load(saved, device="auto").device.type in ("cpu", "cuda", "mps")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_gives_the_known_answers(saved, precision):
    assert load(saved, device="cuda", precision=precision).device.type == "cuda"
