"""The lines of the README about `comma explain` work as they are typed."""

import re
import shlex
from pathlib import Path

import pytest
from comma_explorer.explain.cli import app
from typer.testing import CliRunner

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SECTION = TEXT[TEXT.index("## What makes a pair similar") :]
LINES = [shlex.split(line)[2:] for line in re.findall(r"^comma explain .*$", SECTION, flags=re.MULTILINE)]


@pytest.fixture(scope="module")
def textbook(tmp_path_factory):
    from comma_data.cli import app as data

    place = tmp_path_factory.mktemp("textbook") / "data"
    assert CliRunner().invoke(data, ["build", "textbook", "--out", str(place)]).exit_code == 0
    return place


@pytest.mark.slow
@pytest.mark.parametrize("words", LINES, ids=lambda words: words[0])
def test_lines_work_as_typed(words, textbook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = [str(textbook) if word == "data/textbook" else word for word in words]
    result = CliRunner().invoke(app, typed)
    assert result.exit_code == 0, result.output
    for page in (word for word in typed if word.endswith(".html")):
        assert "Can it be trusted?" in Path(page).read_text(encoding="utf-8")


def test_the_example_works():
    (code,) = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)
    found = {}
    exec(code, found)  # noqa: S102  the README's own example
    assert set(found["elements"]) == {"Ba", "Ti", "O"}
    assert found["elements"]["Ti"] > found["elements"]["O"]
    assert "Can it be trusted?" in found["html"]
