"""The commands in a row, on a small set made of the embedded crystals, and every mistake with its exit code."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from comma_data.sample import Record
from comma_data.sources import textbook
from pymatgen.core import Lattice, Structure

RUN = """
name = "small"
data = "data"
modalities = ["structure", "composition"]
dim = 16
epochs = 2
batch_size = 16

[encoders.structure]
width = 16
layers = 1

[encoders.composition]
width = 16
"""


def comma(*arguments, cwd, **env):
    code = "from comma_app.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    settings = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(cwd), **env}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, env=settings)


def one_line(done, code):
    """The error message of a command that ended with this code."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def write_cif(path, value):
    fractional = value["positions"] @ np.linalg.inv(value["cell"])
    Structure(Lattice(value["cell"]), value["numbers"].tolist(), fractional).to(filename=str(path))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    (folder / "cifs").mkdir()
    crystals = (r for r in textbook.read() if isinstance(r, Record) and r.modality == "structure")
    for record, _ in zip(crystals, range(60), strict=False):
        write_cif(folder / "cifs" / f"{record.key}.cif", record.value)
    done = comma("data", "build", "structures", "--root", "cifs", "--out", "data", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "run.toml").write_text(RUN)
    return folder


def test_build_align_and_read_the_result(built):
    done = comma("align", "run", "run.toml", "--json", cwd=built)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {(row["query"], row["gallery"]) for row in rows} == {
        ("structure", "composition"),
        ("composition", "structure"),
    }
    assert all(0 <= row["R@1"] <= 1 and row["pool"] > 1 and 0 < row["chance@1"] < 1 for row in rows)
    left = {path.name for path in (built / "runs" / "small").iterdir()}
    assert left == {".lock", "config.toml", "manifest.json", "metrics.jsonl", "checkpoints", "model", "result.png"}
    assert "Next:" in done.stderr


def test_check_proves_the_data_set(built):
    assert comma("data", "check", "data", cwd=built).returncode == 0


def test_dry_run_writes_nothing(built):
    done = comma("align", "run", "run.toml", "--dry-run", "--out", "elsewhere", cwd=built)
    assert "training samples" in done.stdout
    assert not (built / "elsewhere").exists()


MISTAKES = {
    "misspelt key": (
        ("align", "run", "run.toml", "--set", "optimizer.head_rl=1"),
        2,
        "did you mean 'optimizer.head_lr'",
    ),
    "no such run": (("align", "run", "dmeo"), 2, "did you mean 'demo'"),
    "no such file": (("align", "run", "none.toml"), 2, "none.toml"),
    "no data": (("align", "run", "run.toml", "--data", "nowhere"), 2, "comma data build"),
    "unknown resume": (("align", "run", "run.toml", "--resume", "perhaps"), 2, "give auto, never"),
    "no root": (("data", "build", "materials-project"), 2, "--root"),
    "missing root": (("data", "build", "structures", "--root", "nowhere"), 2, "nowhere"),
    "empty root": (("data", "build", "structures", "--root", "empty"), 2, "empty"),
    "no model": (("eval", "synthesis", "nowhere"), 2, "comma align run"),
    "no such sample": (("data", "show", "data", "nonsense"), 3, "nonsense"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_give_one_clear_line_and_their_code(built, name):
    arguments, code, message = MISTAKES[name]
    (built / "empty").mkdir(exist_ok=True)
    assert message in one_line(comma(*arguments, cwd=built), code)


def test_a_nan_cell_is_bad_data(tmp_path):
    Structure(Lattice.cubic(4.0), ["Fe"], [[0, 0, 0]]).to(filename=str(tmp_path / "a.cif"))
    text = Path(tmp_path / "a.cif").read_text()
    (tmp_path / "a.cif").write_text(text.replace("_cell_length_a   4.00000000", "_cell_length_a   nan"))
    message = one_line(comma("data", "build", "structures", "--root", ".", "--out", "data", cwd=tmp_path), 3)
    assert "refused" in message or "no record was accepted" in message
    assert not (tmp_path / "data" / "manifest.json").exists()
