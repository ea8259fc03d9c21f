"""The command for people who installed this package alone."""

import json
import subprocess
import sys

import pytest
from comma_encoders.modality import names
from pymatgen.core import Lattice, Structure


def run(*arguments, cwd=None):
    code = "from comma_encoders.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_list_names_every_modality():
    assert run("list").stdout.split() == list(names())


def test_embed_writes_a_unit_vector_for_each_value(tmp_path):
    Structure(Lattice.cubic(3.0), ["Fe"], [[0, 0, 0]]).to(filename=str(tmp_path / "a.cif"))
    done = run("embed", "structure", tmp_path / "a.cif")
    row = json.loads(done.stdout)
    assert row["value"].endswith("a.cif")
    assert sum(x * x for x in row["vector"]) == pytest.approx(1, abs=1e-4)
    assert "random" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("embed", "structur", "a.cif"), 2, "Did you mean 'structure'"),
        (("embed", "structure", "none.cif"), 3, "no structure file none.cif"),
        (("embed", "text", "none.txt"), 3, "none.txt cannot be read"),
        (("embed", "composition", "Hello"), 3, "not a plain formula"),
        (("embed", "structure", "a.cif", "--model", "nowhere"), 2, "there is no model in nowhere"),
        (("embed",), 2, "Missing argument"),
    ],
)
def test_mistakes_end_with_one_line_and_their_code(tmp_path, arguments, code, message):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_vocabulary_is_made_from_texts(tmp_path):
    (tmp_path / "t.txt").write_text("Anneal the boule.\nAnneal the boule again.\n")
    assert run("tokenizer", "t.txt", cwd=tmp_path).returncode == 0
    assert "boule" in (tmp_path / "vocabulary.txt").read_text().splitlines()
