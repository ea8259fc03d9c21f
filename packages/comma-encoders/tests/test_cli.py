"""The command for people who installed this package alone."""

import json
import subprocess
import sys

import numpy as np
import pytest
from comma_encoders import cli, folder
from comma_encoders.modality import names
from comma_encoders.model import AlignedModel
from pymatgen.core import Lattice, Structure


def run(*arguments, cwd=None):
    code = "from comma_encoders.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Run the command in this process: (arguments) -> (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["comma-encoders", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (ended.value.code or 0, *capsys.readouterr())

    return call


def crystal(path, element="Fe", a=3.0):
    Structure(Lattice.cubic(a), [element], [[0, 0, 0]]).to(filename=str(path))


def test_the_command_starts_and_names_every_modality():
    done = run("list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(names())
    assert done.returncode == 0


def test_list_says_what_they_take(here):
    _, out, _ = here("list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert set(rows) == set(names())
    assert ".cif" in rows["structure"]["endings"]
    assert all(row["about"] for row in rows.values())


def test_embed_guesses_what_files_are_and_writes_unit_vectors(here, tmp_path):
    crystal(tmp_path / "a.cif")
    (tmp_path / "b.txt").write_text("Calcine at 900 °C.")
    code, out, _ = here("embed", "a.cif", "b.txt")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["value"], row["modality"]) for row in rows] == [("a.cif", "structure"), ("b.txt", "text")]
    assert all(np.linalg.norm(row["vector"]) == pytest.approx(1, abs=1e-4) for row in rows)


@pytest.mark.parametrize("strict", [False, True])
def test_one_bad_file_is_named_and_the_rest_is_written_unless_strict(here, tmp_path, strict):
    crystal(tmp_path / "a.cif")
    crystal(tmp_path / "b.cif", "Cu", 3.6)
    (tmp_path / "bad.cif").write_text("data_x\nnothing\n")
    code, out, err = here("embed", "a.cif", "bad.cif", "b.cif", "--out", "v.npz", *["--strict"] * strict)
    assert code == 3
    assert "refused: bad.cif: " in err
    assert "1 of 3 values could not be encoded" in err
    assert out == ""
    assert (tmp_path / "v.npz").exists() is not strict
    if not strict:
        assert np.load(tmp_path / "v.npz")["values"].tolist() == ["a.cif", "b.cif"]


def test_a_saved_model_is_used(here, tmp_path):
    model = AlignedModel.create("composition", dim=8, seed=3)
    folder.save(model, tmp_path / "m")
    code, out, _ = here("embed", "NaCl", "--modality", "composition", "--model", "m")
    assert code == 0
    expected = model.encode("composition", ["NaCl"])[0].tolist()
    assert json.loads(out)["vector"] == pytest.approx(expected, abs=1e-6)
    code, out, _ = here("card", "m")
    assert code == 0
    assert out.startswith("---\nlibrary_name: comma-encoders")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("embed", "a.cif", "--modality", "structur"), 2, "Did you mean 'structure'"),
        (("embed", "structure", "a.cif"), 2, "write --modality structure"),
        (("embed", "a.unheard"), 2, "say it with --modality"),
        (("embed", "."), 2, "is a folder"),
        (("embed", "none.cif"), 3, "no structure file none.cif"),
        (("embed", "none.txt"), 3, "none.txt cannot be read"),
        (("embed", "Hello", "--modality", "composition"), 3, "not a plain formula"),
        (("embed", "a.cif", "--model", "nowhere"), 2, "there is no model in nowhere"),
        (("embed", "a.cif", "--device", "abacus"), 2, "available are auto, cpu"),
        (("embed", "a.cif", "--out", "v.xlsx"), 2, "--out has to end with"),
        (("embed", "a.cif", "--device", "cpu:foo"), 2, "'cpu:foo' is no device"),
        (("embed", "a.cif", "--out", "/proc/v.csv"), 2, "/proc/v.csv cannot be written"),
        (("tokenizer", "t.txt", "--out", "/proc/v.txt"), 2, "/proc/v.txt cannot be written"),
        (("tokenizer", "t.txt", "--size", "130"), 2, "a vocabulary of 130 symbols"),
        (("card", "half"), 3, "half/model.safetensors cannot be read"),
        (("card", "nowhere"), 2, "there is no model in nowhere"),
    ],
)
def test_mistakes_end_with_one_line_and_their_code(here, tmp_path, arguments, code, message):
    (tmp_path / "t.txt").write_text("Anneal the boule.")
    folder.save(AlignedModel.create("composition", dim=8), tmp_path / "half")
    (tmp_path / "half" / "model.safetensors").unlink()
    crystal(tmp_path / "a.cif")
    ended, out, err = here(*arguments)
    assert ended == code, err
    assert message in err
    assert sum(line.startswith("error: ") for line in err.splitlines()) == 1
    assert out == ""


def test_a_missing_argument_ends_with_usage():
    done = run("embed")
    assert done.returncode == 2
    assert "Missing argument" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_vocabulary_is_made_from_texts(here, tmp_path):
    (tmp_path / "t.txt").write_text("Anneal the boule.\nAnneal the boule again.\n")
    assert here("tokenizer", "t.txt")[0] == 0
    assert "boule" in (tmp_path / "vocabulary.txt").read_text().splitlines()
