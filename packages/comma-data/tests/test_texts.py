import csv
import io
from importlib import import_module
from pathlib import Path

import pytest
from comma_data.errors import DataError
from comma_data.pool import Processes
from comma_data.sample import Record, Refusal
from comma_data.sources.texts import read

GOOD = "id,text,formula,doi,entry,note\n"


def outcome(tmp_path, content, **options):
    path = tmp_path / "protocols.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read(path, **options))


def test_a_row_becomes_its_steps(tmp_path):
    row = 'a-1,"BaCO3 and TiO2, e.g. Rutile, were mixed. Fired at 1,100 °C.",Ba2Ti2O6,10.1/x,mp-1,mine\n'
    (record,) = outcome(tmp_path, GOOD + row, origin="laboratory")
    assert record.value == ("BaCO3 and TiO2, e.g. Rutile, were mixed.", "Fired at 1,100 °C.")
    assert (record.key, record.modality, record.formula) == ("a-1", "text", "BaTiO3")
    known = record.provenance
    assert (known["doi"], known["entry"], known["origin"]) == ("10.1/x", "mp-1", "laboratory")
    assert len(known["paragraph"]) == 16
    assert "note" not in known


def test_columns_beyond_id_and_text_may_be_missing_or_empty(tmp_path):
    (record,) = outcome(tmp_path, "\ufeffID,Text\na,Mixed.\n\n,\n".encode())
    assert record.formula is None
    assert "entry" not in record.provenance
    (record,) = outcome(tmp_path, GOOD + "a,Mixed.,,,,\n")
    assert record.formula is None
    assert "entry" not in record.provenance


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"b,caf\xe9,,,,", "not-utf-8"),
        (b"b,\x00,,,,", "bad-text"),
        (b"b,,,,,", "empty-text"),
        (b",Mixed.,,,,", "no-id"),
        (b"b,Mixed.", "bad-row"),
        (b"b,Mixed.,,,,,,", "bad-row"),
        (b'b,"Mixed."x,,,,', "bad-row"),
        (b"b,Mixed.,LaxSr1-xCoO3,,,", "formula-variable"),
        (b"b,Mixed.,LiFePO4/C,,,", "formula-composite"),
        (b"b,Mixed.,rust,,,", "formula-unparsable"),
        (b"b," + b"x" * 60_000 + b",,,,", "text-too-long"),
        (b"b," + b"x" * 10_000_000 + b",,,,", "bad-row"),
        (b"b,Mixed.,,,a\xe2\x80\xaeb,", "bad-text"),
    ],
)
def test_a_bad_row_is_refused_and_its_neighbours_are_not(tmp_path, row, code):
    before, refusal, after = outcome(tmp_path, GOOD.encode() + b"a,Mixed.,,,,\n" + row + b"\nc,Fired.,,,,\n")
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert (before.key, after.key) == ("a", "c")
    assert refusal.message.isprintable()


def test_a_quote_that_does_not_close_is_counted(tmp_path):
    items = outcome(tmp_path, GOOD + "a,Mixed.,,,,\n" + 'b,"Fired.,,,,\n' + "c,Ground.,,,,\n")
    assert [item.key for item in items if isinstance(item, Record)] == ["a"]
    assert [item.code for item in items if isinstance(item, Refusal)] == ["bad-row"]


@pytest.mark.parametrize(
    "content", ["", "text\nMixed.\n", "id,formula\na,NaCl\n", "id,text,text\na,b,c\n", '"id', "\x00"]
)
def test_a_table_without_its_columns_stops_the_build(tmp_path, content):
    with pytest.raises(DataError, match=r"protocols\.csv.*(id|text)"):
        outcome(tmp_path, content)


def test_no_table_stops_the_build(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        list(read(tmp_path / "none.csv"))
    with pytest.raises(DataError, match=r"no \.csv"):
        list(read(tmp_path))


def test_rows_are_worked_on_by_other_processes_in_order(tmp_path):
    out = io.StringIO()
    csv.writer(out).writerows([["id", "text"], *([f"r{i}", f"Step {i}.\nSecond."] for i in range(50))])
    items = outcome(tmp_path, out.getvalue(), engine=Processes(workers=1))
    assert [item.key for item in items] == [f"r{i}" for i in range(50)]
    assert items == outcome(tmp_path, out.getvalue())


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("texts", {"a.csv": True, "a.csv.gz": True, "a.tar": True, "a.txt": False}),
        ("procedures", {"a.txt": True, "a.ann": True, "a.zip": True, "a.csv": False}),
        ("diffraction", {"A.XY": True, "a.xrdml": True, "a.cif": True, "a.tgz": True, "a.png": False}),
    ],
)
def test_a_source_says_which_files_it_reads(source, names):
    reads = import_module(f"comma_data.sources.{source}").reads
    assert {name: reads(Path(name)) for name in names} == names
