"""The examples of the README are one program that runs."""

import re
from pathlib import Path

import pytest
from comma_encoders import hub, locate
from comma_encoders.model import AlignedModel

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture
def comma_small(tmp_path, monkeypatch):
    """Where the package holds no trained model, one with random weights under its name."""
    if locate.DEFAULT not in locate.shipped():
        made = AlignedModel.create("structure", "text")
        hub.save_pretrained(made, tmp_path / "shipped" / locate.DEFAULT)
        monkeypatch.setattr(locate, "SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)


def test_the_examples_run(comma_small, capsys):
    pytest.importorskip("sklearn")
    examples = re.findall(r"```py(?:thon)?\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 4
    space = {}
    for example in examples:
        exec(compile(example, str(README), "exec"), space)  # noqa: S102  running our own README is the purpose
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == "(1, 128) torch.Size([1, 2])"
    assert second.startswith("torch.Size([1, 128]) ")
    assert len(space["features"]) == 128
