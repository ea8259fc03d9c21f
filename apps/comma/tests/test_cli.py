"""The command `comma`: what it mounts, how it fails, and that it starts without anything heavy."""

import subprocess
import sys

import pytest
import typer
from comma_app import cli

HEAVY = {"torch", "numpy", "pymatgen", "timm", "matplotlib", "accelerate", "pydantic", "safetensors"}


def comma(*arguments):
    code = "from comma_app.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_every_package_brings_its_commands():
    shown = comma("--help").stdout
    assert all(f" {name} " in shown for name in ("data", "encoders", "align", "eval", "study", "release"))


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom comma_app.cli import make_app\nmake_app()\n"
        f"print(*sorted({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_version_names_every_part():
    assert "comma-materials 0.1.0" in comma("--version").stdout.splitlines()


def test_version_leaves_out_what_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(cli, "PARTS", ("comma-materials", "comma-nowhere"))
    monkeypatch.setattr("sys.argv", ["comma", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == "comma-materials 0.1.0\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("align", "nonsense"), ("align", "run", "--nonsense")])
def test_unknown_words_are_usage_errors(arguments):
    assert comma(*arguments).returncode == 2


class UserError(Exception):
    exit_code = 3


@pytest.mark.parametrize(("error", "code"), [(UserError("file x: mend it"), 3)])
def test_an_error_with_an_exit_code_ends_in_one_line(monkeypatch, capsys, error, code):
    def app():
        raise error

    monkeypatch.setattr(cli, "make_app", lambda: app)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert capsys.readouterr().err == "error: file x: mend it\n"


def test_a_bug_keeps_its_traceback(monkeypatch):
    def app():
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "make_app", lambda: app)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_commands_come_from_entry_points(monkeypatch):
    class Entry:
        name = "extra"

        @staticmethod
        def load():
            return typer.Typer()

    monkeypatch.setattr(cli, "entry_points", lambda group: [Entry] if group == cli.GROUP else [])
    assert [group.name for group in cli.make_app().registered_groups] == [
        "extra",
        "study",
        "release",
    ]  # the app's own are last
