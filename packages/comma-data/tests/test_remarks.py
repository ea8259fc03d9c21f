"""What a build tells though nothing is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from comma_data import remarks as told
from comma_data.build import prepare
from comma_data.config import read_build
from comma_data.curate import curate
from comma_data.duplicates import without_duplicates
from comma_data.pool import Serial
from comma_data.remarks import remarks
from PIL import Image


def lines(tmp_path, root, text):
    path = tmp_path / "build.toml"
    path.write_text(f'name = "a"\n{text}')
    prepared = prepare(read_build(str(path)), root=root)
    return prepared, remarks(prepared.curated, prepared.joined.samples)


def images(folder, names):
    for number, name in enumerate(names):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32), number, dtype=np.uint8)).save(path)


CLASSES = '[micrographs]\npath = "sem"\nlabel_from = "folder"\n'


def test_classes_that_lie_in_one_specimen_each_are_told(tmp_path):
    images(tmp_path / "sem", [f"{kind}/{kind}_{i}" for kind in ("cubes", "rods") for i in range(3)])
    _, told = lines(tmp_path, tmp_path, CLASSES)
    (line,) = [line for line in told if line.startswith("label: ")]
    assert "2 of 2 classes of images in one fold each (cubes: 3 images, 1 group, rods: 3 images, 1 group)" in line
    assert "micrographs.frames" in line


def test_classes_that_a_split_can_tell_apart_are_not(tmp_path):
    images(tmp_path / "sem", [f"{kind}/{kind}_{i}" for kind in ("cubes", "rods") for i in range(8)])
    _, told = lines(tmp_path, tmp_path, CLASSES + 'frames = "file"\n')
    assert [line for line in told if line.startswith("label: ")] == []


@pytest.mark.parametrize(
    ("symbols", "occupancy", "message"),
    [
        (("Na", "Cl"), "1", None),
        (("Na", "Cl"), "0.6", "1 structures, of which 0 changed formula"),
    ],
)
def test_orderings_by_majority_are_counted(make, tmp_path, symbols, occupancy, message):
    (tmp_path / "a.cif").write_text(make["cif"](symbols=symbols, occupancy=occupancy, formula="?"))
    _, told = lines(tmp_path, tmp_path, '[structures]\npath = "a.cif"\ndisorder = "majority"\n')
    found = [line for line in told if line.startswith("made ordered by majority: ")]
    assert found == ([] if message is None else [f"made ordered by majority: {message}"])


def test_an_ordering_that_changes_the_formula_names_both(make, tmp_path):
    text = make["cif"](symbols=("Au", "Cu"), formula="?")
    text = text.replace("Au Au0 0.0 0.0 0.0 1", "Au Au0 0.0 0.0 0.0 0.6\nCu Cu0 0.0 0.0 0.0 0.4")
    (tmp_path / "a.cif").write_text(text.replace("Cu Cu1 0.5 0.5 0.5 1", "Au Au1 0.5 0.5 0.5 1"))
    prepared, told = lines(tmp_path, tmp_path, '[structures]\npath = "a.cif"\ndisorder = "majority"\n')
    assert prepared.curated.accepted[0].provenance["disordered_formula"] == "CuAu4"
    assert "made ordered by majority: 1 structures, of which 1 changed formula (a: CuAu4 became Au)" in told


def test_rows_of_properties_without_a_structure_are_told_with_all_that_were_read(make, tmp_path):
    (tmp_path / "a.cif").write_text(make["cif"]())
    (tmp_path / "properties.csv").write_text("material_id,gap\na,1\nb,2\nc,3\n")
    prepared, told = lines(tmp_path, tmp_path, "[structures]\n")
    counts = prepared.curated.counts["properties"]
    assert (counts.read, counts.accepted, counts.refused) == (3, 1, {"no-structure": 2})
    assert "properties.csv: 2 of 3 rows belong to no structure, or to several (b, c)" in told


def test_a_table_all_of_whose_rows_belong_to_a_structure_is_no_source(make, tmp_path):
    (tmp_path / "a.cif").write_text(make["cif"]())
    (tmp_path / "properties.csv").write_text("material_id,gap\na.cif,1.5\n")
    prepared, told = lines(tmp_path, tmp_path, "[structures]\n")
    assert prepared.joined.samples[0].targets == {"gap": 1.5}
    assert set(prepared.curated.counts) == {"structures"}
    assert not any(line.startswith("properties.csv") for line in told)


def test_empty_parts_are_told(make, tmp_path):
    (tmp_path / "a.cif").write_text(make["cif"]())  # NaCl is in fold 1
    prepared, told = lines(tmp_path, tmp_path, "[structures]\n")
    fold = int(prepared.joined.samples[0].groups["fold"])
    empty = ", ".join(str(k) for k in range(5) if k != fold)
    (line,) = [line for line in told if line.startswith("no sample in fold")]
    assert line.startswith(f"no sample in fold {empty}: no test part with test fold {empty}, no validation part with ")


def test_groups_may_be_given_by_the_names_of_files(make, tmp_path):
    folder = tmp_path / "cifs"
    folder.mkdir()
    (folder / "My_NaCl.cif").write_text(make["cif"]())
    (tmp_path / "groups.csv").write_text("id,group\nMy_NaCl,one\n")
    text = '[structures]\npath = "cifs"\n[split]\nby = "groups"\ntable = "groups.csv"\n'
    prepared, _ = lines(tmp_path, tmp_path, text)
    assert prepared.joined.samples[0].groups["split"] == "one"


def test_entries_that_are_no_structure_are_told_with_the_nearest_name(make, tmp_path):
    (tmp_path / "NaCl.cif").write_text(make["cif"]())
    rows = "".join(f"t{i},{text} it,{name}\n" for i, (text, name) in enumerate([("Mix", "NaCI"), ("Fire", "NaCl")]))
    (tmp_path / "texts.csv").write_text(f"id,text,entry\n{rows}")
    _, told = lines(tmp_path, tmp_path, '[structures]\n[texts]\npath = "texts.csv"\n')
    (line,) = [line for line in told if "`entry`" in line]
    assert line.startswith("1 record with")
    assert "did you mean 'NaCl'?" in line


def test_nearest_names_are_sought_for_those_that_are_shown_alone(make, monkeypatch):
    asked = []
    monkeypatch.setattr(told, "did_you_mean", lambda name, _: asked.append(name) or "")
    unknown = [make["text_record"](f"t{i}", "KCl", entry=f"x{i}") for i in range(9)]
    (line,) = remarks(curate([make["structure_record"]("a"), *unknown]), [])[:1]
    assert line.startswith("9 records with an `entry` that is no structure here (x0, x1, x2, ...)")
    assert asked == ["x0", "x1", "x2"]


def test_an_entry_that_case_makes_another_formula_is_told(make):
    cobalt = replace(make["structure_record"]("Co"), formula=None)
    lines = remarks(curate([cobalt, make["text_record"]("t", "KCl", entry="CO")]), [])
    assert lines[0].startswith("1 record with an `entry` that is no structure here (CO")
    assert "`entry`" not in "".join(remarks(curate([cobalt, make["text_record"]("t", "KCl", entry="co")]), []))


def test_formulas_that_were_not_compared_are_told(make):
    class Dying(Serial):
        def map(self, function, items, *, on_death, size=1):  # noqa: ARG002 - an engine's
            return map(on_death, items)

    records = [make["structure_record"](key) for key in "ab"]
    curated = without_duplicates(curate(records), engine=Dying())
    assert [record.key for record in curated.accepted] == ["a", "b"]
    (line,) = [line for line in remarks(curated, []) if "may repeat" in line]
    assert "NaCl" in line
