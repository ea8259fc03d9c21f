"""`comma explain` as it is typed."""

import json

import numpy as np
import pytest
from comma_data.sample import Sample
from comma_data.writer import Description, write
from comma_encoders.errors import InputError
from comma_explorer.explain.cli import app
from comma_explorer.explain.given import named, pair_of
from typer.testing import CliRunner

TEXT = "Mix BaCO3 and TiO2. Calcine at 1100 °C for 4 h."
CIF = """data_MgO
_cell_length_a 4.212
_cell_length_b 4.212
_cell_length_c 4.212
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mg1 Mg 0 0 0
O1 O 0.5 0.5 0.5
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "mgo.cif").write_text(CIF, encoding="utf-8")
    (folder / "recipe.txt").write_text(TEXT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    crystal = {
        "numbers": np.array([56, 22, 8, 8, 8]),
        "positions": 4.0 * np.array([(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]),
        "cell": 4.0 * np.eye(3),
        "periodic": np.ones(3, dtype=bool),
    }
    sample = Sample(
        id="batio3",
        fields={"structure": (crystal,), "text": (("Mix BaCO3 and TiO2.", "Fire."), ("Fire.",))},
        groups={"formula": "BaTiO3", "fold": "0"},
    )
    place = tmp_path_factory.mktemp("data") / "set"
    write([sample], place, Description(name="planted", build={}, inputs={}, counts={}, joined={}))
    return place


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_two_files_are_explained_on_a_page(files, tmp_path):
    out = tmp_path / "new" / "page.html"
    result = run(files / "mgo.cif", files / "recipe.txt", "--out", out)
    assert result.exit_code == 0, result.output
    assert "similarity" in result.stdout
    assert f"wrote {out}" in result.stderr
    assert "What makes this pair similar" in out.read_text(encoding="utf-8")


def test_json_holds_every_part(data):
    result = run("--id", "batio3", "--data", data, "--pair", "structure-text", "--json", "--method", "gradients")
    found = json.loads(result.stdout)
    assert [len(side["parts"]) for side in found["sides"]] == [5, 5]
    assert [part["label"] for part in found["sides"][0]["parts"]] == ["Ba", "Ti", "O", "O", "O"]
    assert found["sides"][1]["name"] == "batio3, the first of 2"
    for side in found["sides"]:
        total = sum(part["contribution"] for part in side["parts"])
        assert total == pytest.approx(found["similarity"] - side["baseline"], abs=1e-3)


def test_a_formula_and_words_need_no_files():
    result = run("BaTiO3", TEXT)
    assert result.exit_code == 0, result.output
    assert "composition, BaTiO3" in result.stdout
    assert "BaCO3" in result.stdout


def test_what_values_are_can_be_said(files):
    assert named(str(files / "recipe.txt"), "text").value == named(TEXT, "text").value
    assert named("BaTiO3", "text").value == ("BaTiO3",)
    assert named("word " * 3000, None).modality == "text"
    assert run(files / "mgo.cif", "BaTiO3", "--as", "structure", "--as", "composition").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["BaTiO3"], "give two values"),
        (["BaTiO3", "MgO", "CaO"], "give two values"),
        (["nothing.cif", "BaTiO3"], "there is no file nothing.cif. Remedy: say what the values are with --as"),
        (["my salt.cif", "Mix NaCl."], "there is no file my salt.cif"),
        (["POSCAR", "BaTiO3"], "there is no file POSCAR"),
        (["BaTiO3", "scans/a.xrdml"], "there is no file scans/a.xrdml"),
        (["nothing.cif", "BaTiO3", "--as", "structure", "--as", "composition"], "there is no file nothing.cif"),
        (["BaTiO3", "MgO", "--as", "composition"], "--as for both"),
        (["BaTiO3", "MgO", "--as", "strukture", "--as", "composition"], "Did you mean 'structure'"),
        (["BaTiO3", "MgO", "--method", "magic"], "one of occlusion"),
        (["BaTiO3", "MgO", "--model", "nowhere"], "no model in nowhere"),
        (["--id", "batio3", "--pair", "structure-text"], "needs --id"),
        (["--id", "batio3", "--data", "nowhere", "--pair", "structure-text"], "no data set at nowhere"),
        (["BaTiO3", "MgO", "--id", "x", "--data", "nowhere", "--pair", "structure-text"], "no values beside"),
    ],
)
def test_wrong_inputs_end_with_code_2(words, message):
    result = run(*words)
    assert result.exception.exit_code == 2
    assert message in str(result.exception)


def test_a_page_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("comma_explorer.explain.cli._loaded", lambda _: pytest.fail("loaded before it was looked at"))
    assert "is a folder" in str(run("BaTiO3", "MgO", "--out", tmp_path).exception)


@pytest.mark.parametrize(
    ("sample_id", "pair", "message"),
    [
        ("batio4", "structure-text", "batio3"),
        ("batio3", "structure-image", "has no image; it has structure, text"),
        ("batio3", "structure", "two modalities"),
        ("batio3", "structure-txt", "did you mean 'text'"),
        ("batio3", "structure-text-xrd", "two modalities"),
    ],
)
def test_wrong_entries_end_with_code_2(data, sample_id, pair, message):
    result = run("--id", sample_id, "--data", data, "--pair", pair)
    assert result.exception.exit_code == 2
    assert message in str(result.exception)


def test_a_modality_that_the_model_lacks_ends_with_code_2(tmp_path):
    from comma_data.export import png

    (tmp_path / "m.png").write_bytes(png.encode(np.eye(16, dtype=np.uint8) * 255))
    result = run(tmp_path / "m.png", "BaTiO3")
    assert result.exception.exit_code == 2
    assert "no modality 'image'" in str(result.exception)


def test_a_damaged_file_is_no_fault_of_usage(tmp_path):
    (tmp_path / "bad.cif").write_text("no crystal", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as a structure"):
        pair_of([str(tmp_path / "bad.cif"), "BaTiO3"], (), sample_id=None, data=None, pair=None)


def test_files_are_read_as_a_search_reads_them(tmp_path):
    """Formats that only the readers of data sets know, and what was assumed is told."""
    (tmp_path / "water.xyz").write_text("3\nwater\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0\n", encoding="utf-8")
    assert named(str(tmp_path / "water.xyz"), None).value["numbers"].tolist() == [8, 1, 1]
    mixed = CIF.replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_occupancy\n")
    mixed = mixed.replace("Mg1 Mg 0 0 0\n", "Mg1 Mg 0 0 0 0.75\nFe1 Fe 0 0 0 0.25\n").replace(
        "0.5 0.5 0.5", "0.5 0.5 0.5 1"
    )
    (tmp_path / "mixed.cif").write_text(mixed, encoding="utf-8")
    given = named(str(tmp_path / "mixed.cif"), None)
    assert sorted(set(given.value["numbers"].tolist())) == [8, 12]
    assert "majority" in given.notes[0]
    assert given.notes[0] in run(tmp_path / "mixed.cif", "MgO").stdout
    (tmp_path / "unknown.abc").write_text("?", encoding="utf-8")
    told = str(run(tmp_path / "unknown.abc", "MgO").exception)
    assert "does not tell what it is. Remedy: say what the values are with --as" in told
    assert "--modality" not in told


def test_help_imports_nothing_heavy():
    import subprocess
    import sys

    code = "import sys; from comma_explorer.explain.cli import app; print({'torch', 'numpy'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
