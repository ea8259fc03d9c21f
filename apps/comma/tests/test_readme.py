"""What the README shows can be used as it stands."""

import re
from pathlib import Path

import pytest
from comma_app.study.config import Study
from comma_data.configfile import load

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", range(len(re.findall(r"```toml", TEXT))))
def test_studies_are_valid(number, tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)[number])
    assert load(Study, path).primary


def test_there_is_one():
    assert "```toml" in TEXT
