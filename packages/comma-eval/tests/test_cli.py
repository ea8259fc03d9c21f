import json
import subprocess
import sys

import pytest
from comma_data.errors import StorageError
from comma_eval.cli import app
from comma_eval.errors import MissingPackageError, UsageError
from typer.testing import CliRunner


def invoke(*arguments):
    result = CliRunner().invoke(app, ["synthesis", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_tables_on_stdout_messages_on_stderr(data_set, quick_fit):
    result = invoke("--baselines-only", "--data", data_set)
    assert "structure -> protocol, view precursors" in result.stdout
    assert "element overlap" in result.stdout
    assert "asking about" in result.stderr
    assert "asking about" not in result.stdout


def test_json_alone_on_stdout(data_set, quick_fit):
    document = json.loads(invoke("--baselines-only", "--data", data_set, "--json", "--fold", "validation").stdout)
    assert document["facts"]["part"] == "validation"
    assert document["rows"]


def test_the_report_is_a_page(data_set, quick_fit, tmp_path):
    invoke("--baselines-only", "--data", data_set, "--out", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "composition MLP" in page


@pytest.mark.parametrize("name", ["report.json", "report.md"])
def test_the_report_is_written(data_set, quick_fit, tmp_path, name):
    out = tmp_path / "new" / name
    invoke("--baselines-only", "--data", data_set, "--out", out)
    text = out.read_text(encoding="utf-8")
    assert json.loads(text)["task"] == "synthesis" if name.endswith("json") else text.startswith("**structure")


@pytest.mark.parametrize("option", ["--out", "--items"])
def test_a_file_that_cannot_be_is_refused_before_any_work(data_set, tmp_path, option, monkeypatch):
    monkeypatch.setattr("comma_eval.run.evaluate", lambda *_: pytest.fail("worked before the place was looked at"))
    with pytest.raises(StorageError, match="is a folder"):
        invoke("--baselines-only", "--data", data_set, option, tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="no folder that can be written"):
        invoke("--baselines-only", "--data", data_set, option, tmp_path / "file" / "report.json")


def test_a_list_of_protocols_is_no_page_and_has_no_items(tmp_path):
    def recommend(*more):
        return CliRunner().invoke(app, ["recommend", "--structure", "x.cif", "--baselines-only", *map(str, more)])

    assert "as .json or .md" in str(recommend("--out", tmp_path / "x.html").exception)
    assert recommend("--items", tmp_path / "x.parquet").exit_code == 2


def test_without_a_run_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no trained model under runs/: train one with `comma align run"):
        invoke()


def test_the_command_line_costs_no_heavy_import():
    code = "import sys, comma_eval.cli; sys.exit(bool({'torch', 'numpy', 'pymatgen', 'rich.table'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("retrieval", "--measured", "--fold", "validation"), "omit --fold and --test-fold"),
        (("retrieval", "--measured", "--test-fold", "1"), "omit --fold and --test-fold"),
        (("missing", "--property", "gap", "--target", "text"), "omit --target and --view"),
        (("missing", "--property", "gap", "--view", "masked"), "omit --target and --view"),
        (("synthesis", "--corruption", "swap"), "give both"),
        (("synthesis", "--out", "x.txt"), "written as .html, .json, .md"),
        (("recommend", "--everything"), "of a list for one structure"),
        (("recommend", "-k", "3"), "of a list for one structure"),
        (("recommend", "--structure", "x.cif", "--fold", "validation"), "are of scores"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(arguments, message, monkeypatch):
    monkeypatch.setattr("comma_eval.run.evaluate", lambda *_: pytest.fail("it was asked"))
    result = CliRunner().invoke(app, [*arguments, "--baselines-only", "--data", "d"])
    assert result.exit_code != 0
    assert message in " ".join((str(result.exception) + result.output).replace("│", "").split())


def test_a_package_that_is_missing_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("comma_eval.run.evaluate", lambda *_: pytest.fail("it was asked"))
    with pytest.raises(MissingPackageError, match=r"comma-eval\[items\]"):
        invoke("--baselines-only", "--data", "d", "--items", tmp_path / "q.parquet")
