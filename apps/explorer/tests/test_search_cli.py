"""The command: what it prints, how it ends, and that it finds what it should with the model of the package."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from comma_data.command import run
from comma_data.export import png
from comma_data.protocol import steps
from comma_data.sample import Record, Sample
from comma_data.sources import textbook
from comma_data.split import fold
from comma_data.writer import Description, write
from comma_eval.baselines.amounts import ElementAmounts
from comma_explorer.search import present
from comma_explorer.search.ask import Finder
from comma_explorer.search.cli import app
from comma_explorer.search.errors import SearchError
from comma_explorer.search.hits import Hit, Place
from comma_explorer.search.question import read
from pymatgen.core import Lattice, Structure

README = Path(__file__).resolve().parents[1] / "README.md"
ABOUT = Description(name="few", build={}, inputs={}, counts={}, joined={})
SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def crystals(number):
    """Embedded crystals with their protocols, NaCl among them."""
    entries = {}
    for record in textbook.read():
        if isinstance(record, Record):
            entries.setdefault(record.key, {})[record.modality] = record
    chosen = [*list(entries)[:number], "tb-nacl"]
    for key in chosen:
        structure, text = entries[key]["structure"], entries[key]["text"]
        formula = structure.formula
        yield Sample(
            id=key,
            fields={"structure": (structure.value,), "text": (steps(text.value, "precursors"),)},
            groups={"formula": formula, "fold": str(fold(formula))},
            targets={n: v for n, v in structure.targets.items() if not isinstance(v, str)},
            provenance={"structure": (structure.provenance,), "text": (text.provenance,)},
        )


def command(*arguments):
    """(exit code, stdout, stderr) of the command."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            run(lambda: app([str(a) for a in arguments]))
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The index of forty crystals by comma-small, and a CIF."""
    root = tmp_path_factory.mktemp("cli")
    write(crystals(40), root / "data", ABOUT)
    code, _, err = command("build", root / "data", "--out", root / "index")
    assert code == 0, err
    SALT.to(str(root / "salt.cif"))
    (root / "route.txt").write_text("Mix Na2CO3 with hydrochloric acid. Evaporate at 100 °C.", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def finder(place):
    return Finder.open(place / "index")


def test_a_cif_of_salt_finds_salt(place):
    code, out, err = command(place / "salt.cif", "--index", place / "index", "--json", "-n", "3")
    assert code == 0
    found = json.loads(out)
    assert found["queries"] == [{"said": str(place / "salt.cif"), "modality": "structure"}]
    assert found["hits"].keys() == {"structure", "text"}
    first = found["hits"]["structure"][0]
    assert first["entries"][0]["id"] == "tb-nacl"
    assert first["cosine"] > 0.99
    assert "structure" in err


def test_the_json_is_what_programs_rely_on(place):
    _, out, _ = command("find", "NaCl", "--index", place / "index", "--json", "--for", "text", "-n", "2")
    found = json.loads(out)
    assert found.keys() == {"index", "model", "queries", "hits"}
    assert found["model"] == "comma-small"
    for rank, hit in enumerate(found["hits"]["text"], start=1):
        assert hit.keys() == {"rank", "cosine", "counted", "row", "entries", "steps"}
        assert hit["rank"] == rank
        assert all(isinstance(step, str) for step in hit["steps"])
        for entry in hit["entries"]:
            assert entry.keys() == {"id", "formula", "elements", "targets", "number", "origin"}
            assert set(entry["elements"]) <= {"Na", "Cl"} or entry["id"] != "tb-nacl"


def test_the_table_has_a_line_for_each_hit(place):
    code, out, err = command("NaCl", place / "route.txt", "--index", place / "index", "--for", "structure", "-n", "4")
    lines = out.splitlines()
    assert code == 0
    assert lines[1].split() == ["rank", "cosine", "formula", "id", "what", "DOI"]
    assert [line.split()[0] for line in lines[2:6]] == ["1", "2", "3", "4"]
    assert all(line == line.rstrip() for line in lines)
    assert "composition" in err
    assert "text" in err


def test_conditions_hold(place):
    _, out, _ = command(
        "NaCl",
        "--index",
        place / "index",
        "--json",
        "-n",
        "50",
        "--elements",
        "Al",
        "--without",
        "O,F",
        "--for",
        "structure",
    )
    hits = json.loads(out)["hits"]["structure"]
    assert hits
    assert all("Al" in hit["entries"][0]["elements"] and "O" not in hit["entries"][0]["elements"] for hit in hits)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.cif"], "no file missing.cif"),
        (["no such.cif"], "no file no such.cif"),
        (["./somewhere"], "no file ./somewhere"),
        (["somewhere/else"], "no file somewhere/else"),
        *(([name], f"no file {name}; if these are words, say so with --as text") for name in ("POSCAR", "CONTCAR_2")),
        *(([f"a.{ending}"], f"no file a.{ending}") for ending in "xyz json sdf db xrdml dm3 mrc XYZ".split()),
        ([""], "empty query"),
        (["NaCl", "--as", "image"], "the model knows"),
        (["NaCl", "--as", "structure"], "is one"),
        (["perovskite", "--as", "composition"], "is no formula"),
        (["NaCl", "--for", "structur"], "did you mean 'structure'"),
        (["NaCl", "--for", "image"], "holds no image"),
        (["NaCl", "--elements", "Na,Cx"], "'Cx' is no element"),
        (["NaCl", "--range", "band_gap=1"], "LOWEST:HIGHEST"),
        (["NaCl", "--range", "band_gap=2:1"], "empty"),
        (["NaCl", "--range", "bnd=1:2"], "no target 'bnd'"),
        (["NaCl", "--source", "nowhere"], "no value of the source"),
        (["NaCl", "KCl", "LiF", "--as", "text", "--as", "text"], "2 times for 3 queries"),
        (["NaCl", "--model", "no-such"], "no model in no-such"),
        (["NaCl", "-n", "0"], "Error"),
        (["NaCl", "--nonsense"], "nonsense"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(place, arguments, message):
    code, out, err = command(*arguments, "--index", place / "index")
    assert code == 2
    assert message in err
    assert not out
    assert "Traceback" not in err


def test_files_that_cannot_be_read_end_with_2(place, tmp_path):
    for name, content in (("bad.cif", b"data_x\n"), ("bad.txt", b"\xff\xfe\x00"), ("empty.txt", b"  "), ("x.abc", b"")):
        (tmp_path / name).write_bytes(content)
        code, _, err = command(tmp_path / name, "--index", place / "index")
        assert (code, name in err or "query" in err) == (2, True)


def test_without_an_index_the_command_that_makes_one_is_told(tmp_path):
    code, _, err = command("NaCl", "--index", tmp_path / "none")
    assert code == 2
    assert "comma data build textbook" in err
    assert f"comma search build data/textbook --out {tmp_path / 'none'}" in err


def test_a_damaged_index_ends_with_3(place, tmp_path):
    import shutil

    shutil.copytree(place / "index", tmp_path / "index")
    path = tmp_path / "index" / "structure.npy"
    path.write_bytes(path.read_bytes()[:-1])
    code, _, err = command("NaCl", "--index", tmp_path / "index")
    assert code == 3
    assert "structure.npy is damaged" in err


@pytest.mark.slow
def test_a_build_that_is_told_to_stop_ends_with_4_and_goes_on(place, tmp_path):
    script = (
        "import comma_explorer.search.window as w; w.SIZE = 4\n"
        "honest = w.save\n"
        "def slow(window, path):\n"
        "    honest(window, path)\n"
        "    import time; time.sleep(0.5)\n"
        "w.save = slow\n"
        "from comma_explorer.search.cli import main; main()"
    )
    arguments = [sys.executable, "-c", script, "build", str(place / "data"), "--out", str(tmp_path / "index")]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    work = tmp_path / "index" / "work"
    end = time.monotonic() + 120
    while len(list(work.glob("window-*.npz"))) < 2 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "goes on" in err
    assert not (tmp_path / "index" / "manifest.json").exists()
    assert len(list(work.glob("window-*.npz"))) >= 2


def test_formulas_words_and_files_are_told_apart(place):
    assert read("LiFePO4").modality == "composition"
    assert read("Mix H2/Ar and NaCl, heat it.").modality == "text"
    assert read("perovskite").modality == "text"
    assert read("BaTiO3/SrTiO3").modality == read("H2/Ar").modality == "text"
    assert read("POSCAR", "text").modality == read("Poscars are files.").modality == "text"
    assert read(str(place / "salt.cif")).modality == "structure"
    assert read(str(place / "route.txt")).modality == "text"
    assert read(str(place / "route.txt"), "text").value.startswith("Mix")


def test_a_folder_that_is_called_as_a_formula_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("NaCl", "micrographs", "a.cif"):
        (tmp_path / name).mkdir()
    assert read("NaCl").value == {"Na": 1, "Cl": 1}
    assert read("NaCl", "composition").modality == "composition"
    assert read("micrographs", "text").modality == "text"
    for name in ("micrographs", "./NaCl", "a.cif", str(tmp_path)):
        with pytest.raises(SearchError, match="is a folder; give a file in it"):
            read(name)


def test_a_pipe_is_a_file(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    Thread(target=(tmp_path / "a.txt").write_text, args=("Mix and heat.",), daemon=True).start()
    assert read(str(tmp_path / "a.txt")).value == "Mix and heat."


def test_measured_files_become_raw_values(tmp_path):
    angle = np.arange(10, 80, 0.02)
    np.savetxt(tmp_path / "a.xy", np.column_stack([angle, 1 + np.exp(-((angle - 30) ** 2) / 0.02)]))
    pixels = np.random.default_rng(0).integers(0, 255, (64, 80), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(png.encode(pixels))
    (tmp_path / "a.xyz").write_text("3\nwater\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0\n", encoding="utf-8")
    pattern, image, molecule = (read(str(tmp_path / f"a.{ending}")) for ending in ("xy", "png", "xyz"))
    assert (pattern.modality, image.modality, molecule.modality) == ("xrd", "image", "structure")
    assert np.allclose(pattern.value["two_theta"], angle)
    assert "copper" in pattern.notes[0]
    assert image.value["pixels"].shape == (64, 80)
    assert molecule.value["numbers"].tolist() == [8, 1, 1]


def test_a_library_object_is_asked_like_a_file(finder):
    from comma_explorer.search.question import Question

    answer = finder.ask([Question(modality="structure", value=SALT, said="salt")], ["structure"], 1)
    assert answer.hits["structure"][0].places[0].id == "tb-nacl"


def test_several_questions_are_their_mean_direction(finder):
    both = finder.vector([read("NaCl"), read("KCl")])
    one, other = finder.vector([read("NaCl")]), finder.vector([read("KCl")])
    assert np.allclose(both, (one + other) / np.linalg.norm(one + other), atol=1e-6)
    with pytest.raises(SearchError, match="nothing is asked"):
        finder.vector([])


def test_counting_puts_what_names_the_same_first(finder):
    """The order is that of cosine + weight x count, the counts are those of the no-learning line."""
    asked = [read("PtSe2")]
    plain = finder.ask(asked, ["structure", "text"], 40)
    for weight in (1e-9, 0.5, 1e3):
        answer = finder.ask(asked, ["structure", "text"], 40, counting=weight)
        for modality, hits in answer.hits.items():
            before = {hit.row: hit.cosine for hit in plain.hits[modality]}
            assert {hit.row: hit.cosine for hit in hits} == before
            assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
            scores = [hit.cosine + weight * hit.counted for hit in hits]
            assert scores == sorted(scores, reverse=True)
    query = Sample(id="q", fields={"composition": ({"Pt": 1.0, "Se": 2.0},)}, groups={})
    for hit in answer.hits["text"]:
        told = Sample(id="t", fields={"text": (hit.steps,)}, groups={})
        assert hit.counted == ElementAmounts().score([query], [told])[0, 0]
    first = answer.hits["structure"][0]
    assert first.places[0].formula == "PtSe2"
    assert first.counted == 2


def test_counting_asks_each_question_that_names_elements(finder):
    """A structure counts by its atoms, words without elements do not count."""
    from comma_explorer.search.question import Question

    salt = Question(modality="structure", value=SALT, said="salt")
    words = read("Evaporate the solution slowly.")
    alone, beside = (finder.ask(asked, ["text"], 5, counting=1e3).hits["text"] for asked in ([salt], [salt, words]))
    assert alone[0].counted == beside[0].counted
    assert alone[0].places[0].id == beside[0].places[0].id == "tb-nacl"
    (hits,) = finder.ask([words], ["text"], 5, counting=1e3).hits.values()
    assert [hit.counted for hit in hits] == [None] * 5
    assert hits == finder.ask([words], ["text"], 5).hits["text"]


def test_counting_is_printed_where_it_is_asked_for(place):
    given = ("NaCl", "--index", place / "index", "--for", "structure", "-n", "2")
    code, out, _ = command(*given, "--counting", "0.5")
    assert code == 0
    assert out.splitlines()[1].split() == ["rank", "cosine", "counted", "formula", "id", "what", "DOI"]
    assert command(*given, "--counting", "-1")[0] == 2


def test_text_of_strangers_is_not_obeyed_by_a_terminal(finder):
    place = Place(id="[red]x[/]", formula="\x1b[2J", elements=(), targets={}, number=0, origin={"doi": "10.1/\x07"})
    hit = Hit(rank=1, cosine=0.5, modality="text", row=0, places=(place,), steps=("Mix\x1b]0;x\x07",))
    answer = finder.ask([read("NaCl")], ["text"], 1)
    shown = present.text(type(answer)(questions=answer.questions, vector=answer.vector, hits={"text": (hit,)}))
    assert "[red]x[/]" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_help_is_quick():
    heavy = "{'torch', 'faiss', 'numpy', 'pyarrow', 'numba', 'rich.table'}"
    code = f"import sys, comma_explorer.search.cli; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.split() == []


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_lines_of_the_readme_work_as_typed(place, monkeypatch, capsys):
    """But for those that make the index, which here is one of fewer crystals."""
    monkeypatch.chdir(place)
    lines = [line for block in blocks("console") for line in block.splitlines()]
    asked = [line for line in lines if line.startswith("comma search ") and " build " not in line]
    assert len(asked) >= 5
    for line in (line for line in lines if line.startswith("printf ")):
        subprocess.run(["sh", "-c", line], check=True)
    for line in asked:
        code, out, err = command(*shlex.split(line)[2:])
        assert (code, bool(out)) == (0, True), err
    (python,) = (block for block in blocks("python") if "Finder" in block)
    exec(python, {})  # noqa: S102 - our own README
    assert "tb-nacl" in capsys.readouterr().out
