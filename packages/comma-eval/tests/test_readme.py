import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_example_runs_as_it_stands(tmp_path, monkeypatch, data_set, quick_fit, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "materials-project").symlink_to(data_set)
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(compile(example, str(README), "exec"), {"__name__": "example"})  # noqa: S102  the README's own code
    assert "| mine | chance |" in capsys.readouterr().out
