import os
from pathlib import Path

import pytest
from comma_encoders.locate import SHIPPED
from comma_eval.errors import UsageError
from comma_eval.runs import data_folder, model_folder


@pytest.fixture
def make_run(tmp_path):
    def make(name, age):
        folder = tmp_path / "runs" / name / "model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        os.utime(folder / "config.json", (1e9 - age, 1e9 - age))
        return folder

    return make


def test_the_newest_run_is_the_default(tmp_path, make_run):
    make_run("b-old", 50)
    newest = make_run("a-new", 10)
    (tmp_path / "runs" / "unfinished").mkdir()
    assert model_folder(None, tmp_path / "runs") == newest


def test_a_run_folder_and_its_model_folder_are_the_same(make_run):
    folder = make_run("one", 0)
    assert model_folder(folder.parent) == model_folder(folder) == folder


def test_without_a_run_it_says_what_to_type(tmp_path):
    with pytest.raises(UsageError, match="comma align run") as caught:
        model_folder(None, tmp_path / "runs")
    assert caught.value.exit_code == 2


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(UsageError, match="is not there"):
        model_folder(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="holds no model"):
        model_folder(tmp_path)


def test_a_model_of_the_package_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model_folder(Path("comma-small")) == SHIPPED / "comma-small"
    own = tmp_path / "comma-small"
    own.mkdir()
    (own / "config.json").write_text("{}")
    assert model_folder(Path("comma-small")).resolve() == own


def test_data_given_come_before_data_named(tmp_path):
    for name in ("given", "named"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    manifest = {"data": {"path": str(tmp_path / "named")}}
    assert data_folder(tmp_path / "given", manifest) == tmp_path / "given"
    assert data_folder(None, manifest) == tmp_path / "named"


@pytest.mark.parametrize("manifest", [{}, {"data": {"path": "/nowhere/at/all"}}])
def test_missing_data_say_what_to_type(manifest):
    with pytest.raises(UsageError, match="pass --data"):
        data_folder(None, manifest)
