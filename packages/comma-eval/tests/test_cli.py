import json
import subprocess
import sys

import pytest
from comma_eval.cli import app
from comma_eval.errors import UsageError
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


def test_without_a_run_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no trained model under runs/: train one with `comma align run"):
        invoke()


def test_the_command_line_costs_no_heavy_import():
    code = "import sys, comma_eval.cli; sys.exit(bool({'torch', 'numpy', 'pymatgen', 'rich.table'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
