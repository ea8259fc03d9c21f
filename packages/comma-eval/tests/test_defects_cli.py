"""`comma eval defects` on data sets and models on disk, simulated images of textbook crystals among them."""

import json
from contextlib import suppress
from pathlib import Path

import comma_data.textbook
import pytest
from comma_data.config import Simulate
from comma_data.defect_set import defect_samples
from comma_data.errors import StructureError
from comma_data.sample import Sample
from comma_data.sources import textbook
from comma_data.split import Split, group_hash
from comma_data.writer import Description, write
from comma_encoders.folder import save
from comma_encoders.model import AlignedModel
from comma_eval.cli import app
from comma_eval.errors import EmptyTaskError, SeenError, UsageError
from comma_eval.run import Asked, evaluate
from comma_eval.tasks.defects import Defects
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def one_draw(monkeypatch):
    """Of labels, to be quick."""
    monkeypatch.setattr("comma_eval.defects.answers.DRAWS", 1)


def invoke(*arguments):
    result = CliRunner().invoke(app, ["defects", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def written(samples, out, **description):
    write(samples, out, Description(name="defects", build={}, inputs={}, counts={}, joined={}, **description))
    return out


@pytest.fixture(scope="module")
def on_disk(defect_images, tmp_path_factory):
    few = [sample for sample in defect_images if sample.id.endswith("-0")]
    return written(few, tmp_path_factory.mktemp("defects"))


@pytest.fixture
def make_model(tmp_path):
    def make(*modalities, **about):
        folder = tmp_path / "runs" / "mine" / "model"
        save(AlignedModel.create(*modalities, dim=8), folder, about)
        return folder

    return make


def test_tables_and_json(on_disk, tmp_path):
    out = tmp_path / "report.json"
    result = invoke("--baselines-only", "--data", on_disk, "--shots", 1, 2, 3, "--out", out)
    told = " ".join(result.stdout.split())
    assert "set simulated, conditions unseen, labels 2: images" in told
    assert "labels all: taken for what by power spectrum + residual" in told
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["task"] == "defects"
    assert {row["labels"] for row in document["rows"]} == {"1", "2", "3", "all"}


@pytest.mark.slow
def test_a_model_and_its_random_weights_are_scored(on_disk, make_model):
    report = evaluate(Defects(shots=(2,)), make_model("image", "structure"), on_disk, Asked())
    lines = {row.labels["model"] for row in report.rows if row.labels.get("model", "").startswith("mine")}
    kinds = ("image", "structure", "image + structure")
    assert lines == {f"{name}: {kind}" for name in ("mine", "mine, random weights") for kind in kinds}
    trained, random = (
        [item.value for item in report.items if item.labels["model"] == f"{name}: image"]
        for name in ("mine", "mine, random weights")
    )
    assert len(trained) == len(random) > 0


def test_a_model_that_saw_a_held_out_host_gets_no_score(on_disk, defect_images, make_model):
    asked = next(s for s in defect_images if Split(test_fold=0).part(s.groups["fold"]) == "test")
    with pytest.raises(SeenError, match=asked.groups["formula"]):
        evaluate(Defects(), make_model("image", groups_seen=[group_hash(asked.groups["formula"])]), on_disk, Asked())


def test_a_model_without_an_image_encoder_is_told_what_to_do(on_disk, make_model):
    with pytest.raises(UsageError, match="mine does not embed `image`"):
        evaluate(Defects(), make_model("structure", "text"), on_disk, Asked())


@pytest.mark.parametrize("which", ["simulated", "measured"])
def test_a_data_set_without_defects_is_told_what_makes_them(data_set, which):
    with pytest.raises(EmptyTaskError, match="Remedy: build"):
        invoke("--baselines-only", "--data", data_set, "--set", which)


@pytest.mark.parametrize("options", [("--fold", "validation"), ("--test-fold", 1)])
def test_folds_mean_nothing_on_measured_sets(data_set, options):
    with pytest.raises(UsageError, match="omit --fold and --test-fold"):
        invoke("--baselines-only", "--data", data_set, "--set", "measured", *options)


def hosts(number):
    """The first halides of the textbook that allow every kind of defect."""
    table = Path(comma_data.textbook.__file__).parent / "crystals" / "halides-cubic.toml"
    for record in textbook.read(table):
        if record.modality == "structure" and number:
            groups = {"formula": record.formula, "material": record.key}
            host = Sample(id=record.key, fields={"structure": (record.value,)}, groups=groups)
            with suppress(StructureError):
                yield list(defect_samples(host, Simulate(defects=1, image_size=32, sessions=3)))
                number -= 1


@pytest.mark.slow
def test_simulated_images_of_textbook_crystals():
    images = list(hosts(6))
    assert [len(of_host) for of_host in images] == [10] * 6
    train, test = ([image for of_host in part for image in of_host] for part in (images[:4], images[4:]))
    report = Defects(shots=(2,)).run({}, train, test)
    assert report.facts["hosts"] == "4 learnt from, 2 held out"
    assert report.facts["conditions held out"].startswith("session-")
    figures = {row.labels.get("model") for row in report.rows}
    assert {"majority", "brightness", "composition", "power spectrum + residual"} < figures
