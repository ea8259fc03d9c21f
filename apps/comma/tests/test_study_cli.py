"""`comma study` on the command line: what it lists, and how it fails."""

import subprocess
import sys

import pytest
from comma_app.study.cli import app, typed
from comma_data.errors import ConfigError
from typer.testing import CliRunner


def invoke(*arguments):
    done = CliRunner().invoke(app, list(arguments))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_the_list_names_every_study_with_its_question():
    lines = invoke("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "ablations",
        "band-gap",
        "corrupted-text",
        "demo",
        "measured-patterns",
        "modalities",
        "synthesis",
        "transfer",
    ]
    assert all("?" in line for line in lines)


def test_config_explains_every_key_and_prints_a_study_complete():
    manual = invoke("config").stdout
    for key in ("question", "common", "start", "scored", "each", "where", "against", "aim", "most"):
        assert f"# {key} = " in manual
    assert "[models.NAME]" in manual
    assert 'name = "demo"' in invoke("config", "demo").stdout


def test_a_name_is_a_study_and_the_nearest_is_named():
    with pytest.raises(ConfigError, match="no study 'dmeo'; did you mean 'demo'"):
        invoke("dmeo")
    with pytest.raises(ConfigError, match="did you mean 'common'"):
        invoke("demo", "--set", "comon.epochs=1")


def test_without_a_word_it_explains_itself():
    done = invoke()
    assert "list" in done.stdout
    assert done.exit_code in {0, 2}


def test_options_may_come_first():
    assert "Print the pieces" in invoke("--dry-run", "--help").stdout.replace("\n", " ")


def test_a_dry_run_leaves_no_data_set_behind(tmp_path, monkeypatch):
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("comma_data.build.build", lambda *_, out, **__: out.mkdir())
    monkeypatch.setattr("comma_app.study.drive.plan", lambda job: seen.append(job.data) or [])
    invoke("demo", "--dry-run")
    assert [path.name for path in seen] == ["textbook"]
    assert not seen[0].exists()
    assert not list(tmp_path.iterdir())


def test_the_command_of_a_result_leaves_out_where_things_lie():
    assert typed("demo", ["folds=[0, 1]"]) == "comma study demo --set 'folds=[0, 1]'"


def test_it_costs_no_heavy_import():
    code = "import sys, comma_app.study.cli; sys.exit(bool({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
