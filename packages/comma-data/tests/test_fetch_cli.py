"""`comma data fetch` as a user gives it."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from comma_data.fetch import limits
from comma_data.fetch.cli import app
from comma_data.fetch.errors import FetchError, StoppedError
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def port():
    """Of a server in a process of its own."""
    script = Path(__file__).with_name("faulty_api.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield int(server.stdout.readline())
        server.stdin.close()


@pytest.fixture
def given(monkeypatch):
    """Give a command without a key; requests follow each other at once."""
    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.setattr(limits, "Limits", partial(limits.Limits, interval=0, attempts=1))
    return lambda *options: CliRunner().invoke(app, options)


def test_it_answers_before_anything_heavy_is_imported():
    code = (
        "import sys, comma_data.fetch.cli; print(sorted({'requests', 'numpy', 'pydantic', 'mp_api'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_fetch_says_what_it_has_stored(given, port, tmp_path):
    url = f"http://127.0.0.1:{port}/ok~1~1~cli/"
    done = given("optimade", url, "--out", str(tmp_path / "out"), "--elements", "Na, Cl", "--limit", "7")
    assert done.exit_code == 0
    assert done.stdout.startswith("7 structures stored, 0 records refused\n")
    again = given("optimade", url, "--out", str(tmp_path / "out"), "--elements", "Na,Cl", "--limit", "7", "--json")
    journal = json.loads(again.stdout)
    assert journal["query"]["elements"] == ["Na", "Cl"]
    assert journal["facts"]["licence"] == "https://example.org/cc-by"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["optimade", "{url}denied~1~9~cli/"], 5),
        (["optimade", "nonsense"], 2),
        (["optimade", "{url}", "--elements", "Sodium"], 2),
        (["mp"], 2),
    ],
)
def test_errors_carry_the_exit_code(given, port, tmp_path, options, code):
    url = f"http://127.0.0.1:{port}/"
    done = given(*[option.format(url=url) for option in options], "--out", str(tmp_path / "out"))
    assert done.exception.exit_code == code
    assert [FetchError.exit_code, StoppedError.exit_code] == [5, 4]
