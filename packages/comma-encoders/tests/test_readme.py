"""The example of the README is a program that runs."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_example_runs(capsys):
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    exec(compile(example, str(README), "exec"), {})  # noqa: S102  running our own README is the purpose
    assert capsys.readouterr().out.startswith("torch.Size([1, 128]) ")
