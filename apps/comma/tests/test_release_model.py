"""`comma release model`: the same weights, a card that says what is known, and no to everything that is not proven."""

import json
import shutil

import pytest
from comma_align.config import Run
from comma_align.train import train
from comma_app.cli import make_app
from comma_app.release.errors import ForeignResultError, ReleaseError, ResultError, UnfinishedRunError
from comma_app.release.model import Stated, release
from comma_app.release.results import read
from comma_data.configfile import check
from comma_encoders import folder
from comma_encoders.errors import EncoderError, InputError
from comma_encoders.model import AlignedModel
from comma_eval.run import Asked, evaluate
from comma_eval.tasks.retrieval import Retrieval
from typer.testing import CliRunner

ROWS = [
    {"task": "gap", "model": "toy", "metric": "MAE, eV", "value": 0.5, "low": 0.25, "high": 0.75, "n": 40},
    {"task": "gap", "model": "toy", "metric": "R@1", "value": 0.125, "low": None, "high": None, "n": 40},
]


def settings(**more):
    values = {
        "name": "oxides", "data": "/" + "home/someone/oxides", "modalities": ["composition", "text"], "dim": 8,
        "epochs": 1, "batch_size": 16,
        "encoders": {"composition": {"width": 8, "layers": 1}, "text": {"width": 8, "heads": 2, "token_layers": 1}},
    }  # fmt: skip
    return check(Run, {**values, **more})


@pytest.fixture(scope="session")
def run(data, tmp_path_factory):
    """A run of a second, finished."""
    out = tmp_path_factory.mktemp("runs") / "oxides"
    train(settings(), data, out, quiet=True)
    return out


@pytest.fixture
def weights(run):
    return folder.read_manifest(run / "model")["sha256"]["model.safetensors"]


def result(path, **document):
    path.write_text(json.dumps({"what": "a toy", "command": "make", "rows": ROWS, **document}))
    return path


def test_a_run_becomes_a_folder_that_loads_with_the_same_weights(run, weights, tmp_path):
    done = release(run, tmp_path / "out", stated=Stated(licence="apache-2.0", limits=("Oxides only.",)))
    assert done.weights == weights == folder.sha256(tmp_path / "out" / "model.safetensors")
    before, after = (AlignedModel.from_pretrained(place) for place in (run / "model", tmp_path / "out"))
    assert before.encode("composition", ["NaCl"]).equal(after.encode("composition", ["NaCl"]))
    assert after.about["licence"] == "apache-2.0"
    assert done.unknown == ("figures unknown: give --results",)
    assert done.bytes == sum(path.stat().st_size for path in (tmp_path / "out").iterdir())


def test_the_card_says_what_the_run_knows_and_nothing_of_the_machine(run, tmp_path):
    release(run, tmp_path / "out", stated=Stated(name="toy", limits=("Oxides only.",), command="comma align run toy"))
    card = pytest.importorskip("huggingface_hub").ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.license == "unknown"
    assert {"composition", "text"} <= set(card.data.tags)
    manifest = json.loads((run / "manifest.json").read_text())
    seen = len(manifest["groups_seen"])
    told = ("# toy", "Oxides only.", "`comma align run toy`", f"groups seen in training: {seen};", "epochs = 1")
    assert [line for line in told if line not in card.text] == []
    assert manifest["data"]["data_hash"] in card.text
    everything = "".join(path.read_text() for path in (tmp_path / "out").glob("*.[jm][sd]*"))
    assert "someone" not in everything
    assert str(tmp_path.parent) not in everything
    assert not any(group in card.text for group in manifest["groups_seen"])


def test_the_settings_name_files_as_the_model_has_them(run, tmp_path):
    release(run, tmp_path / "out")
    told = folder.read_manifest(tmp_path / "out")["training"]
    assert told["data"] == "oxides"
    assert told["encoders"]["text"]["vocabulary"] == "text-vocabulary.txt"
    assert told["optimizer"]["head_lr"] == settings().optimizer.head_lr


def test_figures_come_with_their_file(run, weights, tmp_path):
    file = result(tmp_path / "toy.json", weights={"toy": weights})
    release(run, tmp_path / "out", results=[file], metrics=["MAE, eV"])
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| toy | 0.5 (0.25 to 0.75) | 40 |" in text
    assert "R@1" not in text
    assert f"file toy.json, sha256 {folder.sha256(file)}, command make" in text


def test_a_report_of_comma_eval_is_taken_for_its_model_alone(run, data, other_data, weights, tmp_path):
    report = evaluate(Retrieval(pair="composition-text"), run / "model", data, Asked())
    (tmp_path / "report.json").write_text(report.to_json())
    found = read(tmp_path / "report.json", weights)
    assert {row["task"] for row in found.rows} == {"retrieval"}
    assert found.origin["test fold"] == "0"
    with pytest.raises(ForeignResultError, match="another model"):
        read(tmp_path / "report.json", "0" * 64)


def test_how_figures_were_asked_is_told(run, weights, tmp_path):
    facts = {"model weights": weights, "corrupted": 0.5, "view": "masked"}
    file = result(tmp_path / "toy.json", weights={}, facts=facts)
    release(run, tmp_path / "out", results=[file])
    text = (tmp_path / "out" / "README.md").read_text()
    assert "corrupted 0.5, view masked" in text


def test_two_answers_to_one_question_are_refused(run, weights, tmp_path):
    files = [result(tmp_path / f"{name}.json", weights={"toy": weights}) for name in ("plain", "corrupted")]
    with pytest.raises(ResultError, match=r"plain\.json and corrupted\.json both give MAE, eV of one question"):
        release(run, tmp_path / "out", results=files)


def test_rows_of_other_models_in_a_file_are_left_out(weights, tmp_path):
    file = result(tmp_path / "r.json", weights={"toy": weights, "rival": "f" * 64})
    document = json.loads(file.read_text())
    document["rows"].append({"model": "rival", "metric": "R@1", "value": 0.99, "n": 4})
    file.write_text(json.dumps(document))
    assert {row["model"] for row in read(file, weights).rows} == {"toy"}


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ({"weights": {"other": "f" * 64}}, ForeignResultError, "of another model.*ffffffffffffffff"),
        ({}, ForeignResultError, "does not say of which weights"),
        ({"primary": []}, ResultError, "a study of several models"),
        ({"rows": None}, ResultError, "holds no list `rows`"),
        ({"rows": [{"value": 1}]}, ResultError, "lacks metric"),
        ({"rows": []}, ResultError, "no figure at all"),
    ],
)
def test_what_is_not_of_this_model_is_refused(run, weights, tmp_path, document, error, message):  # noqa: PLR0917
    file = result(tmp_path / "r.json", **{"weights": {"toy": weights}, **document} if document else {})
    with pytest.raises(error, match=message):
        release(run, tmp_path / "out", results=[file])
    assert not (tmp_path / "out").exists()


def test_a_metric_that_is_not_there_is_told_with_those_that_are(weights, tmp_path):
    with pytest.raises(ResultError, match="R@7; its metrics are MAE, eV, R@1"):
        read(result(tmp_path / "r.json", weights={"toy": weights}), weights, ["R@7"])


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_file_that_is_no_result_is_refused(weights, tmp_path, content):
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(ResultError, match="comma eval TASK MODEL --json"):
        read(tmp_path / "r.json", weights)


def test_a_folder_that_is_there_is_left_alone(run, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ReleaseError, match="is there already"):
        release(run, tmp_path / "out")


def unfinished(run):
    shutil.rmtree(run / "model")


def no_end(run):
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["trained"]
    (run / "manifest.json").write_text(json.dumps(manifest))


def predictor(run):
    (run / "model").rename(run / "predictor")


@pytest.mark.parametrize(
    ("plant", "message"),
    [(unfinished, "has not finished"), (no_end, "has not finished"), (predictor, "a predictor of one property")],
)
def test_a_run_that_has_not_finished_is_refused(run, tmp_path, plant, message):
    copy = shutil.copytree(run, tmp_path / "run")
    plant(copy)
    with pytest.raises(UnfinishedRunError, match=message):
        release(copy, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [copy]


def test_the_model_of_a_run_that_has_not_finished_is_refused_by_its_own_folder_too(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    no_end(copy)
    with pytest.raises(UnfinishedRunError, match="has not finished"):
        release(copy / "model", tmp_path / "out")


def test_a_model_of_another_run_is_refused(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["data"]["data_hash"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ReleaseError, match="another run"):
        release(copy, tmp_path / "out")


@pytest.mark.parametrize("name", ["config.json", "known.json", "model.safetensors", "text-vocabulary.txt"])
def test_a_damaged_model_is_refused_and_leaves_nothing(run, tmp_path, name):
    copy = shutil.copytree(run, tmp_path / "run")
    data = bytearray((copy / "model" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model" / name).write_bytes(data)
    with pytest.raises(EncoderError):
        release(copy, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [copy]


def test_a_model_that_answers_otherwise_is_refused_and_leaves_nothing(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    known = json.loads((copy / "model" / "known.json").read_text())
    vectors = known["answers"]["text"]["vectors"]
    known["answers"]["text"]["vectors"] = [[-x for x in row] for row in vectors]
    (copy / "model" / "known.json").write_text(json.dumps(known))
    manifest = json.loads((copy / "model" / "manifest.json").read_text())
    manifest["sha256"]["known.json"] = folder.sha256(copy / "model" / "known.json")
    (copy / "model" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="other text vectors"):
        release(copy, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [copy]


def test_the_command_says_where_it_is_and_what_it_does_not_know(run, tmp_path):
    done = CliRunner().invoke(make_app(), ["release", "model", str(run), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["name"] == "oxides"
    assert "note: the card calls the licence unknown: give --licence" in done.stderr
    assert f'AlignedModel.from_pretrained("{tmp_path / "out"}")' in done.stderr


def test_the_model_of_the_package_is_a_release_of_itself(tmp_path):
    """Its card and manifest are what the command makes of it."""
    from pathlib import Path

    from comma_encoders.locate import SHIPPED

    release(Path("comma-small"), tmp_path / "comma-small")
    for path in (SHIPPED / "comma-small").iterdir():
        assert path.read_bytes() == (tmp_path / "comma-small" / path.name).read_bytes(), path.name
