"""Folders, archives, tables, worker processes."""

import contextlib
import io
import operator
import os
import tarfile
import time
import zipfile
from collections import Counter
from functools import partial

import numpy as np
import pytest
from comma_data import pool
from comma_data.errors import ConfigError, DataError
from comma_data.pool import Processes, Serial, TooSlowError, time_limit
from comma_data.properties import read_properties
from comma_data.sample import Record, Refusal
from comma_data.sources.structures import look, read, reads

POSCAR = "salt\n5.6\n1 0 0\n0 1 0\n0 0 1\n{cation} Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


def pack(path, entries):
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as tar:
        for name, data in entries:
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)


def pack_zip(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries:
            archive.writestr(name, data)


def test_folder_archive_and_file_give_the_same_structures(make, tmp_path):
    folder = tmp_path / "f"
    (folder / "below").mkdir(parents=True)
    (folder / "a.cif").write_text(make["cif"]("a"))
    (folder / "below" / "b.CIF").write_text(make["cif"]("b"))
    pack(folder / "c.tar.gz", [("x/c.cif", make["cif"]("c").encode()), ("readme.txt", b"")])
    assert [r.key for r in read(folder)] == ["a", "b", "c"]
    assert [r.key for r in read(folder / "c.tar.gz")] == ["c"]
    (one,) = read(folder / "a.cif")
    assert one.provenance == {"origin": "computed", "file": "a.cif", "format": "cif", "charge_balance": "balanced"}
    assert one.formula == "NaCl"


def test_workers_give_the_same_in_the_same_order(make, tmp_path):
    for i in range(150):
        (tmp_path / f"{i:03d}.cif").write_text(make["cif"]() if i % 10 else "broken")
    alone, together = list(read(tmp_path)), list(read(tmp_path, engine=Processes(workers=2)))
    assert [r.key for r in together] == [f"{i:03d}" for i in range(150)]
    assert [type(r) for r in alone] == [type(r) for r in together]
    assert sum(isinstance(r, Refusal) for r in together) == 15
    pairs = [(a, b) for a, b in zip(alone, together, strict=True) if isinstance(a, Record)]
    assert all(np.array_equal(a.value["positions"], b.value["positions"]) for a, b in pairs)


def test_files_with_two_blocks_bad_text_or_too_many_bytes(make, tmp_path):
    (tmp_path / "two.cif").write_text(make["cif"]("p") + make["cif"]("q"))
    (tmp_path / "latin.cif").write_bytes(b"# \xe5ngstr\xf6m\n" + make["cif"]().encode())
    (tmp_path / "marked.cif").write_bytes(b"\xef\xbb\xbf" + make["cif"]().encode())
    (tmp_path / "zlarge.cif").write_text(make["cif"]() + "#" * 5_000_000)
    found = {r.key: getattr(r, "code", "") for r in read(tmp_path)}
    assert found == {"latin": "not-utf-8", "marked": "", "two-p": "", "two-q": "", "zlarge": "file-too-large"}


def test_what_is_read_and_what_is_no_structure(tmp_path):
    names = ("a.cif", "a.CIF.gz", "POSCAR_x", "b.json", "c.tar.xz", "d.zip", "properties.csv", "e.db", "f.mol")
    assert all(reads(tmp_path / name) for name in names)
    assert not any(reads(tmp_path / name) for name in ("readme.txt", "._a.cif", "other.csv", "a.cif.old"))
    (tmp_path / "readme.txt").write_text("text")
    (refusal,) = read(tmp_path / "readme.txt")
    assert refusal.code == "unknown-format"


def test_the_table_inside_an_archive_belongs_to_it(make, tmp_path):
    table = b"material_id,gap\na,5.5\ngone,1\n"
    pack(tmp_path / "c.tar.gz", [("x/a.cif", make["cif"]("a").encode()), ("x/properties.csv", table)])
    record, refusal = read(tmp_path / "c.tar.gz")
    assert record.targets == {"gap": 5.5}
    assert (refusal.key, refusal.code) == ("gone", "no-structure")


@pytest.mark.parametrize("place", ["", "sub"])
@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_tables_in_and_beside_an_archive_of_the_folder_are_read(make, tmp_path, place, ending):
    packed = [(f"x/{name}.cif", make["cif"](name).encode()) for name in "abc"]
    (tmp_path / place).mkdir(exist_ok=True)
    for name, table in (("one", b"material_id,gap\na,1\ngone,9\n"), ("two", b"material_id,gap\na,2\nb,3\n")):
        write = pack if ending == "tar" else pack_zip
        write(tmp_path / place / f"{name}.{ending}", [*packed, ("x/properties.csv", table)])
    (tmp_path / place / "properties.csv").write_text("material_id,gap\na,8\nc,4\n")
    matched = Counter()
    found = list(read(tmp_path, matched=matched, targets={"gap": "gap"}))
    gaps = [(r.key, r.targets.get("gap")) for r in found if isinstance(r, Record)]
    assert gaps == [("a", 1), ("b", None), ("c", 4), ("a", 2), ("b", 3), ("c", 4)]
    lost = {r.key: r.message.partition(", properties.csv")[0] for r in found if isinstance(r, Refusal)}
    assert lost == {"a": str(tmp_path / place), "gone": str(tmp_path / place / f"one.{ending}")}
    assert matched["properties"] == 4


def test_targets_may_be_columns_of_a_table_in_an_archive(make, tmp_path):
    pack(tmp_path / "c.tar", [("a.cif", make["cif"]("a").encode()), ("properties.csv", b"material_id,gap\na,1\n")])
    look(tmp_path, targets={"gap": "g"})
    (record,) = read(tmp_path, targets={"gap": "g"})
    assert record.targets == {"g": 1.0}
    pack(tmp_path / "c.tar", [("a.cif", make["cif"]("a").encode())])
    with pytest.raises(ConfigError, match=r"gap: columns of properties\.csv"):
        list(read(tmp_path, targets={"gap": "g"}))


def test_the_formula_of_a_decided_structure_is_that_of_its_atoms(make, tmp_path):
    (tmp_path / "a.cif").write_text(make["cif"](occupancy="0.9", formula="'Na0.9 Cl0.9'"))
    (tmp_path / "properties.csv").write_text("material_id,formula_pretty,gap\na,Na9Cl9,1\n")
    (refusal,) = read(tmp_path)
    assert refusal.code == "disordered"
    (record,) = read(tmp_path, disorder="majority")
    assert record.formula is None
    assert record.targets == {"gap": 1.0}
    assert record.provenance["disorder"] == "majority"


def test_properties_belong_to_their_structures(make, tmp_path):
    (tmp_path / "a.cif").write_text(make["cif"]())
    (tmp_path / "properties.csv").write_text(
        "material_id,formula_pretty,nsites,band_gap,kind,e\na,ClNa,2,5.5,salt,\ngone,KCl,2,1,salt,2\n"
    )
    record, refusal = read(tmp_path)
    assert record.targets == {"band_gap": 5.5, "kind": "salt"}
    assert record.formula == "NaCl"
    assert (refusal.source, refusal.key, refusal.code) == ("properties", "gone", "no-structure")
    (renamed, _) = read(tmp_path, targets={"band_gap": "band_gap_pbe"})
    assert renamed.targets == {"band_gap_pbe": 5.5}


def test_a_number_inside_a_file_is_no_name_of_its_structure(tmp_path):
    for place, cation in enumerate(("Na", "K", "Cs"), start=1):
        (tmp_path / f"POSCAR_{place}").write_text(POSCAR.format(cation=cation))
    (tmp_path / "properties.csv").write_text("material_id,gap\n1,1\nPOSCAR_2,2\n3,3\n")
    *records, first, third = read(tmp_path)
    assert [record.targets for record in records] == [{}, {"gap": 2.0}, {}]
    assert [(r.key, r.code) for r in (first, third)] == [("1", "no-structure"), ("3", "no-structure")]


def test_folders_of_runs_are_told_apart(tmp_path):
    for place, cation in (("run1", "Na"), ("run2", "K"), ("deep/run2", "Cs")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "POSCAR").write_text(POSCAR.format(cation=cation))
    (tmp_path / "properties.csv").write_text("material_id,gap\nrun1,1\nrun2/POSCAR,2\n")
    found = {record.key: record.targets for record in read(tmp_path)}
    assert found == {"run1/POSCAR": {"gap": 1.0}, "run2/POSCAR": {"gap": 2.0}, "deep/run2/POSCAR": {}}


def test_a_row_is_about_the_files_of_its_folder_and_those_below(make, tmp_path):
    for folder, gap in (("", 1), ("cifs", 2), ("cifs/deep", None), ("other", None)):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{folder[-5:].replace('/', '-') or 'top'}.cif").write_text(make["cif"]())
        if gap:
            rows = "".join(f"{name},{gap}\n" for name in ("top", "cifs", "-deep", "other"))
            (tmp_path / folder / "properties.csv").write_text(f"material_id,gap\n{rows}")
    matched = Counter()
    found = list(read(tmp_path, matched=matched))
    gaps = {r.key: r.targets["gap"] for r in found if isinstance(r, Record)}
    assert gaps == {"top": 1, "cifs": 2, "-deep": 2, "other": 1}
    lost = sorted((r.key, "cifs" in r.message.partition(",")[0][-5:]) for r in found if isinstance(r, Refusal))
    assert lost == [("-deep", False), ("cifs", False), ("other", True), ("top", True)]
    assert matched["properties"] == len(gaps)


def test_a_table_that_another_source_reads_is_left_to_it(make, tmp_path):
    (tmp_path / "a.cif").write_text(make["cif"]())
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "properties.csv").write_text("file,label\nx.png,grain\n")
    with pytest.raises(DataError, match=r"theirs.*no column material_id"):
        list(read(tmp_path))
    (record,) = read(tmp_path, but=[tmp_path / "theirs"])
    assert record.targets == {}
    look(tmp_path, but=[tmp_path / "theirs"])


def test_a_row_of_several_structures_is_named(make, tmp_path):
    for name in ("x", "y"):
        (tmp_path / f"{name}.cif").write_text(make["cif"]("salt") + make["cif"](f"only-{name}"))
    (tmp_path / "properties.csv").write_text("material_id,gap\nsalt,1\nonly-x,2\n")
    matched = Counter()
    *_, refusal = read(tmp_path, matched=matched)
    assert (refusal.key, refusal.code, matched["properties"]) == ("salt", "several-structures", 1)
    assert "x-salt, y-salt" in refusal.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,gap\na,1\n", "no column material_id"),
        ("material_id,gap\na,1\na,2\n", "line 3.*comes twice"),
        ("material_id,gap\na\n", "line 2.*not 2 cells"),
        ("material_id,gap\na,1,2\n", "line 2.*not 2 cells"),
        ('material_id,gap\n"a,1\n', "properties.csv"),
        ("", "it has none"),
    ],
)
def test_bad_tables_name_file_and_line(tmp_path, text, message):
    path = tmp_path / "properties.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_properties(path)


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_order_and_items_are_read_as_needed(workers):
    taken = []
    items = (taken.append(i) or i for i in range(3000))
    engine = Processes(workers=workers) if workers else Serial()
    results = engine.map(operator.neg, items, on_death=abs)
    assert [next(results) for _ in range(5)] == [0, -1, -2, -3, -4]
    assert len(taken) <= pool.CHUNK * pool.AHEAD * 2
    assert list(results) == [-i for i in range(5, 3000)]


def test_an_item_that_kills_its_process_takes_no_other_down():
    deadly = {7, 40}
    calls = [partial(os._exit, 9) if i in deadly else partial(int, i) for i in range(100)]
    results = list(Processes(workers=2).map(operator.call, calls, on_death=lambda _: "died"))
    assert results == ["died" if i in deadly else i for i in range(100)]


def test_time_limits_stop_a_loop_and_leave_no_timer():
    with pytest.raises(TooSlowError, match=r"0\.05 s"), time_limit(0.05):
        _busy(5)
    with time_limit(0.05):
        time.sleep(0.1)  # waiting for a busy machine is not held against a file
    _busy(0.1)


def test_no_library_can_swallow_a_time_limit():
    with pytest.raises(TooSlowError), time_limit(0.05):
        _stubborn()


def _stubborn():
    """As some parsers do: whatever goes wrong, try again."""
    while True:
        with contextlib.suppress(Exception):
            _busy(5)


def _busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
