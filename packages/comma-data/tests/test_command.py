"""The command of this package alone: `comma-data` and `python -m comma_data`."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from comma_data import cli
from comma_data.command import run
from comma_data.errors import ConfigError
from typer.main import get_command

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def command(*arguments):
    called = [sys.executable, "-m", "comma_data", *map(str, arguments)]
    return subprocess.run(called, capture_output=True, text=True, check=False)


def test_the_module_is_the_command():
    done = command("--help")
    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in ("build", "check", "show", "report", "export", "fetch"))


@pytest.mark.parametrize("arguments", [("build", "nonsense"), ("check", "https://example.org/x")])
def test_a_users_mistake_ends_in_one_message_and_its_exit_code(arguments):
    done = command(*arguments)
    assert done.returncode == ConfigError.exit_code
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_the_script_is_declared_and_runs(capsys, monkeypatch):
    scripts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"comma-data": "comma_data.cli:main"}
    monkeypatch.setattr(sys, "argv", ["comma-data", "show", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    assert capsys.readouterr().err.startswith("error: ")


def test_a_bug_keeps_its_traceback():
    def app():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(app)


@pytest.mark.parametrize(
    "words", [("build",), ("report",), ("export",), ("check",), ("show",), ("fetch", "mp"), ("fetch", "optimade")]
)
def test_no_help_has_brackets_that_markup_swallows(words):
    help_ = get_command(cli.app)
    for word in words:
        help_ = help_.commands[word]
    told = [help_.help, *(getattr(parameter, "help", None) or "" for parameter in help_.params)]
    assert [text for text in told if "[" in text] == []


def test_the_help_names_the_extra():
    assert "extra `export`" in command("export", "--help").stdout
