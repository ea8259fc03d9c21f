"""From foreign files to a data set, through the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from comma_data.build import prepare
from comma_data.cli import app
from comma_data.config import read_build
from comma_data.errors import ConfigError, RefusedError, ShardError
from comma_data.shards import ShardSet
from comma_data.split import fold
from comma_data.tables import sample_text
from PIL import Image
from typer.testing import CliRunner


def run(*arguments, env=None):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COMMA_DATA": "", **(env or {})})


def recipe(target, elements, doi):
    return {
        "doi": doi,
        "target": {"material_string": target, "composition": [{"elements": elements}]},
        "precursors": [{"material_formula": "Na2CO3"}, {"material_formula": "HCl"}],
        "operations": [{"type": "Mixing", "token": "mixed", "conditions": None}],
    }


@pytest.fixture
def root(make, tmp_path):
    folder = tmp_path / "root"
    (folder / "synthesis-recipes").mkdir(parents=True)
    (folder / "a.cif").write_text(make["cif"]())
    (folder / "b.cif").write_text(make["cif"](symbols=("K", "Cl"), formula="'K1 Cl1'"))
    recipes = [
        recipe("NaCl", {"Na": "1", "Cl": "1"}, "10/1"),
        recipe("MgO", {"Mg": "1", "O": "1"}, "10/2"),
        recipe("NaxCl", {"Na": "x", "Cl": "1"}, "10/3"),
    ]
    (folder / "synthesis-recipes" / "solid-state.json").write_text(json.dumps({"reactions": recipes}))
    return folder


def test_a_folder_becomes_a_data_set(root, tmp_path):
    out = tmp_path / "out"
    done = run("build", "structures", "--root", root, "--out", out, "--workers", 0)
    assert done.exit_code == 0, done.output
    assert "target-variable" in done.stdout
    data = ShardSet(out)
    assert data.ids == ("a", "b", "solid-state-00001")
    assert data[0].fields["text"] == (("Mixed Na2CO3 and HCl.",),)
    assert [row.fold for row in data.rows] == [fold(f) for f in ("NaCl", "KCl", "MgO")]
    assert data.manifest.counts["recipes"].refused == {"target-variable": 1}
    assert set(data.manifest.inputs) == {"a.cif", "b.cif", "synthesis-recipes/solid-state.json"}
    assert data.manifest.modalities == {"composition": 3, "structure": 2, "text": 2}
    checked = run("check", out)
    assert checked.exit_code == 0
    assert checked.stdout.splitlines()[0].startswith("test fold")
    assert "data hash" in run("show", out).stdout
    assert "formula: NaCl" in run("show", out, "a").stdout
    assert json.loads(run("show", out, "a", "--json").stdout)["id"] == "a"
    assert "no formula, group" not in checked.stderr
    assert "no DOI, formula, image frame, paragraph or specimen stands on two sides" in checked.stderr
    assert isinstance(run("show", out, "zz").exception, ShardError)


def test_an_unknown_id_is_answered_with_the_samples_of_that_formula_or_the_nearest(root, tmp_path):
    out = tmp_path / "out"
    assert run("build", "structures", "--root", root, "--out", out, "--workers", 0).exit_code == 0
    assert "of the formula NaCl there are a" in str(run("show", out, "NaCl").exception)
    assert "did you mean 'solid-state-00001'" in str(run("show", out, "solid-state-1").exception)
    assert "the first ids are a, b, solid-state-00001" in str(run("show", out, "zz").exception)


def test_a_page_is_drawn_of_a_sample_only(root, tmp_path):
    out = tmp_path / "out"
    assert run("build", "structures", "--root", root, "--out", out, "--workers", 0).exit_code == 0
    done = run("show", out, "--html", tmp_path / "x.html")
    assert isinstance(done.exception, ConfigError)
    assert "give its id" in str(done.exception)
    assert not (tmp_path / "x.html").exists()


def test_the_audit_is_told_in_one_order_by_build_and_by_show(root, tmp_path):
    built = run("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0).stdout
    shown = run("show", tmp_path / "out").stdout
    assert [line for line in built.splitlines() if line.startswith("test fold")] == [
        line for line in shown.splitlines() if line.startswith("test fold")
    ]


def test_two_builds_are_byte_identical_whatever_the_workers(root, tmp_path):
    for name, workers in (("one", 0), ("two", 2)):
        assert run("build", "structures", "--root", root, "--out", tmp_path / name, "--workers", workers).exit_code == 0
    files = {p.name for p in (tmp_path / "one").iterdir()}
    assert files == {"manifest.json", "refusals.jsonl", "samples.jsonl", "shard-00000.tar"}
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def test_an_equal_data_set_is_left_alone_and_another_is_not_overwritten(root, tmp_path):
    command = ("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0)
    run(*command)
    before = (tmp_path / "out" / "manifest.json").stat().st_mtime_ns
    again = run(*command)
    assert again.exit_code == 0
    assert "left alone" in again.stderr
    assert (tmp_path / "out" / "manifest.json").stat().st_mtime_ns == before
    other = run(*command, "--set", "split.salt=other")
    assert isinstance(other.exception, ConfigError)
    assert "another data set (structures, made from another description)" in str(other.exception)
    (root / "a.cif").unlink()
    changed = run(*command)
    assert isinstance(changed.exception, ConfigError)
    assert "another data set (structures, made from other files)" in str(changed.exception)


@pytest.mark.parametrize("place", ["data/structures", "contcar", "synthesis-recipes", "."])
def test_a_build_does_not_read_what_it_wrote_below_its_root(root, tmp_path, place):
    here, options = root / place, ("--workers", 0)
    assert run("build", "structures", "--root", root, "--out", tmp_path / "apart", *options).exit_code == 0
    command = ("build", "structures", "--root", root, "--out", here, *options)
    assert run(*command).exit_code == 0
    again = run(*command)
    assert again.exit_code == 0, again.exception
    assert "left alone" in again.stderr
    (here / "manifest.json").unlink()
    (here / ".build").mkdir()
    (here / ".build" / "shard-00000.tar.json").write_text("{}")
    (here.parent / f"{here.name}.refused.jsonl").write_text("{}")
    resumed = run(*command)
    assert resumed.exit_code == 0, resumed.exception
    assert ShardSet(here).manifest == ShardSet(tmp_path / "apart").manifest
    other = run("build", "structures", "--root", root, "--out", root / "other", *options)
    assert other.exit_code == 0, other.exception
    assert ShardSet(root / "other").manifest == ShardSet(here).manifest


def test_a_folder_may_be_called_by_a_dot(make, root, tmp_path, monkeypatch):
    (tmp_path / "out" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out")
    page = tmp_path / "out.html"
    command = ("build", "structures", "--root", root, "--workers", 0, "--out")
    done = run(*command, ".")
    assert done.exit_code == 0, done.exception
    assert ShardSet(tmp_path / "out").ids == ShardSet(".").ids
    page.unlink()
    assert run("report", ".").exit_code == 0
    page.unlink()
    monkeypatch.chdir(tmp_path / "out" / "deeper")
    assert run("report", "..").exit_code == 0
    assert page.is_file()
    (root / "c.cif").write_text(make["cif"](occupancy="0.5"))
    assert isinstance(run(*command, ".").exception, RefusedError)
    assert (tmp_path / "out" / "deeper.refused.jsonl").is_file()
    assert isinstance(run(*command, "/").exception, ConfigError)


def test_a_build_into_a_folder_in_use_touches_nothing_of_it(root, tmp_path):
    out = tmp_path / "out"
    theirs = {
        out / ".build" / "mine.txt",
        out / "thesis.tex.part",
        out / "shard-of-glass.tar.txt",
        tmp_path / "out.html",
    }
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    torn = {
        out / "shard-00000.tar.17.part",
        out / "manifest.json.17.part",
        out / ".build" / "shard-00000.tar.json.17.part",
    }
    for path in torn:
        path.write_text("torn")
    command = ("build", "structures", "--root", root, "--out", out, "--workers", 0)
    done = run(*command)
    assert done.exit_code == 0, done.exception
    assert "out.html is no page of ours" in done.stderr
    assert {path.read_text() for path in theirs} == {"mine"}
    assert not any(path.exists() for path in torn)
    assert [path.name for path in (out / ".build").iterdir()] == ["mine.txt"]
    assert run(*command).exit_code == 0
    assert (out / ".build" / "mine.txt").is_file()


@pytest.mark.parametrize("name", ["refusals.jsonl", "samples.jsonl", "shard-00000.tar"])
def test_a_file_that_a_build_would_overwrite_stops_it(root, tmp_path, name):
    (tmp_path / name).write_text("mine")
    done = run("build", "structures", "--root", root, "--out", tmp_path, "--workers", 0)
    assert isinstance(done.exception, ConfigError)
    assert (tmp_path / name).read_text() == "mine"


def test_a_page_of_ours_is_made_anew(root, tmp_path):
    command = ("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0)
    for _ in range(2):
        assert "the page about it" in run(*command).stderr
        shutil.rmtree(tmp_path / "out")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a name be any bytes")
def test_a_name_that_is_no_utf8_is_the_same_at_the_next_build(make, root, tmp_path):
    (root / os.fsdecode(b"Gr\xf6sse.cif")).write_text(make["cif"](symbols=("Rb", "Cl"), formula="'Rb1 Cl1'"))
    command = ("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0)
    assert run(*command).exit_code == 0
    again = run(*command)
    assert again.exit_code == 0, again.exception
    assert "left alone" in again.stderr
    assert r"Gr\xf6sse.cif" in ShardSet(tmp_path / "out").manifest.inputs


def test_boxes_of_any_ending_are_inputs(tmp_path):
    (tmp_path / "sem").mkdir()
    Image.fromarray(np.zeros((32, 32), dtype=np.uint8)).save(tmp_path / "sem" / "a.png")
    (tmp_path / "sem" / "a.bbox").write_text("0 1 4 5\n")
    description = tmp_path / "build.toml"
    description.write_text('name = "a"\n[micrographs]\npath = "sem"\nboxes = "{folder}/{name}.bbox"\n')
    command = ("build", description, "--root", tmp_path, "--out", tmp_path / "out", "--workers", 0)
    assert run(*command).exit_code == 0
    assert "sem/a.bbox" in ShardSet(tmp_path / "out").manifest.inputs
    (tmp_path / "sem" / "a.bbox").write_text("0 1 4 6\n")
    assert "made from other files" in str(run(*command).exception)


def test_a_damaged_data_set_is_reported(root, tmp_path):
    out = tmp_path / "out"
    run("build", "structures", "--root", root, "--out", out, "--workers", 0)
    shard = out / "shard-00000.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    done = run("check", out)
    assert isinstance(done.exception, ShardError)
    assert done.exception.exit_code == 3
    assert "shard-00000.tar" in str(done.exception)
    shard.unlink()
    told = str(run("check", out).exception).splitlines()
    assert len(told) == len(set(told))


@pytest.mark.parametrize("extra", [(), ("--dry-run",)])
def test_too_many_refused_structures_write_nothing(make, root, tmp_path, extra):
    (root / "c.cif").write_text(make["cif"](occupancy="0.5"))
    done = run("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0, *extra)
    assert isinstance(done.exception, RefusedError)
    assert done.exception.exit_code == 3
    assert "33.3% of the structures" in str(done.exception)
    assert "disordered: c.cif" in str(done.exception)
    assert not (tmp_path / "out").exists()
    listed = tmp_path / "out.refused.jsonl"
    assert listed.exists() == (not extra)
    if listed.exists():
        assert str(listed) in str(done.exception)
        codes = [json.loads(line)["code"] for line in listed.read_text().splitlines()]
        assert sorted(codes) == ["disordered", "target-variable"]
    allowed = ("--set", "structures.max_refused=0.5")
    command = ("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0, *allowed)
    assert run(*command).exit_code == 0
    assert not listed.exists()


def test_a_dry_run_counts_and_writes_nothing(root, tmp_path):
    done = run("build", "structures", "--root", root, "--out", tmp_path / "out", "--dry-run", "--json", "--workers", 0)
    told = json.loads(done.stdout)
    assert told["counts"]["recipes"] == {"read": 3, "accepted": 2, "refused": {"target-variable": 1}}
    assert run("build", "structures", "--root", root, "--out", tmp_path / "there", "--workers", 0).exit_code == 0
    manifest = json.loads((tmp_path / "there" / "manifest.json").read_text())
    assert told == {name: manifest[name] for name in ("counts", "joined", "split")}
    assert not (tmp_path / "out").exists()


def test_a_dry_run_tells_joins_and_folds_and_that_nothing_was_written(root, tmp_path):
    done = run("build", "structures", "--root", root, "--out", tmp_path / "out", "--dry-run", "--workers", 0)
    assert "text joined by formula" in done.stdout
    assert "folds by formula" in done.stdout
    assert "nothing written" in done.stderr
    assert "no sample in fold" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("materials-project",), "--root"),
        (("materials-project", "--root", "nowhere"), "no such folder"),
        (("materials-project", "--root", "EMPTY"), "no such file or folder"),
        (("structures", "--root", "EMPTY"), "no structures in"),
        (("material-project",), "did you mean 'materials-project'"),
        (("missing.toml",), "cannot be read"),
        (("structures", "--set", "guard.max_atom=3"), "did you mean 'guard.max_atoms'"),
    ],
)
def test_usage_errors_say_what_to_do(tmp_path, arguments, message):
    given = [str(tmp_path) if a == "EMPTY" else a for a in arguments]
    done = run("build", *given, "--out", tmp_path / "out")
    assert isinstance(done.exception, ConfigError), done.output
    assert message in str(done.exception)


def test_the_root_comes_from_the_environment(root, tmp_path):
    done = run("build", "structures", "--out", tmp_path / "out", "--workers", 0, env={"COMMA_DATA": str(root)})
    assert done.exit_code == 0, done.output


def test_every_source_with_too_many_refusals_is_named_at_once(make, root, tmp_path):
    (root / "c.cif").write_text(make["cif"](occupancy="0.5"))
    bad = [recipe("NaxCl", {"Na": "x", "Cl": "1"}, f"10/{i}") for i in range(30)]
    good = recipe("MgO", {"Mg": "1", "O": "1"}, "10/2")
    (root / "synthesis-recipes" / "solid-state.json").write_text(json.dumps({"reactions": [*bad, good]}))
    done = run("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0)
    assert isinstance(done.exception, RefusedError)
    said = str(done.exception)
    assert "33.3% of the structures were refused" in said
    assert "96.8% of the recipes were refused" in said
    assert said.index("disordered: c.cif") < said.index("target-variable")


def test_files_that_hold_no_record_stop_the_build(root, tmp_path):
    for path in root.glob("*.cif"):
        path.write_text("")
    (root / "synthesis-recipes" / "solid-state.json").write_text('{"reactions": []}')
    done = run("build", "structures", "--root", root, "--out", tmp_path / "out", "--workers", 0)
    assert isinstance(done.exception, RefusedError)
    assert "no-atoms" in str(done.exception)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_told_to_stop_says_how_to_go_on(tmp_path, number):
    code = (
        "import signal, sys\nfrom comma_data.cli import app\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # what a shell starts in the background ignores it
        "try: app(standalone_mode=False)\n"
        "except Exception as error: print(error); sys.exit(error.exit_code)"
    )
    out = tmp_path / "out"
    simulate = ("--set", "simulate.patterns=1", "--set", "simulate.images=8", "--set", "samples_per_shard=20")
    command = [sys.executable, "-c", code, "build", "textbook", "--out", out, "--workers", "0", *simulate]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not list(out.glob("shard-*.tar")) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        printed, _ = process.communicate()
    assert process.returncode == 4, printed
    assert "the same command goes on" in printed
    assert not (out / "manifest.json").exists()
    assert not list(out.glob("*.part"))


def test_simulated_values_say_so_and_repeat(root, tmp_path):
    simulate = ("--set", "simulate.patterns=1", "--set", "simulate.images=2", "--workers", 0)
    for name in ("one", "two"):
        done = run("build", "structures", "--root", root, "--out", tmp_path / name, *simulate)
        assert done.exit_code == 0, done.output
    data = ShardSet(tmp_path / "one")
    assert data.manifest.data_hash == ShardSet(tmp_path / "two").manifest.data_hash
    assert (len(data[0].fields["xrd"]), len(data[0].fields["image"])) == (1, 2)
    origins = [p["origin"] for m in ("xrd", "image") for p in data[0].provenance[m]]
    assert origins == ["simulated"] * 3
    assert len({p["seed"] for i in (0, 1) for p in data[i].provenance["image"]}) == 4
    assert "xrd" not in data[2].fields


def test_the_command_line_starts_without_heavy_imports():
    code = "import comma_data.cli, sys; print([m for m in ('numpy', 'pymatgen', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "[]"


def test_every_row_of_the_textbook_is_accepted_and_joined():
    prepared = prepare(read_build("textbook"), root=None)
    counts = prepared.curated.counts["textbook"]
    assert counts.refused == {}
    assert len(prepared.joined.samples) == prepared.joined.counts["text joined by entry"] == counts.read / 2
    assert all({"structure", "text", "composition"} == set(sample.fields) for sample in prepared.joined.samples)


def test_show_says_how_many_values_it_leaves_out(make):
    sample = make["sample"]("a", formula="NaCl", fold=0)
    many = replace(sample, fields={**sample.fields, "text": (("Mix.",),) * 5})
    assert "  ... and 2 more" in sample_text(many).splitlines()
    assert "more" not in sample_text(sample)
