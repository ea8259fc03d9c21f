"""The README's example runs."""

import re
from pathlib import Path

from comma_data.config import read_build
from comma_data.manifest import Counts
from comma_data.split import fold
from comma_data.writer import Description, write

README = Path(__file__).parent.parent / "README.md"


def test_the_example_runs(make, tmp_path, monkeypatch, capsys):
    formulas = ["NaCl", "KCl", "MgO", "CaO", "ZnS", "GaAs", "TiO2", "BaTiO3"]
    samples = [make["sample"](f.lower(), formula=f, fold=fold(f)) for f in formulas]
    counts = {"textbook": Counts(read=8, accepted=8, refused={})}
    about = Description(name="textbook", build={}, inputs={}, counts=counts, joined={})
    write(samples, tmp_path / "data" / "textbook", about)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(code, str(README), "exec"), {})  # noqa: S102 - our own file
    printed = capsys.readouterr().out
    assert "[compound]" in printed
    assert "structure" in printed


def test_the_build_in_the_readme_is_one(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    described = read_build(str(path))
    assert described.micrographs[0].pattern is not None
    assert described.simulate.defects == 8
