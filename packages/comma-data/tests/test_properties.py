"""The table of properties beside structures, and what its cells and those of other tables say."""

import csv
import io
import re

import pytest
from comma_data.cells import word
from comma_data.errors import ConfigError, DataError
from comma_data.micrographs.labels import read_labels
from comma_data.properties import parse_properties
from comma_data.two_columns import two_columns
from hypothesis import given
from hypothesis import strategies as st

SPACES = st.text(st.sampled_from(" \t\u00a0"), max_size=3)
NOTHING = ("", "nan", "NaN", "-nan", "n/a", "N/A", "#N/A", "<NA>", "null", "NULL", "NA")
WORDS = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "P", "S"]), min_size=1, max_size=8)
NAMES = WORDS.filter(lambda name: name not in {"material_id", "formula_pretty", "nsites"})


def parsed(text, **options):
    return parse_properties("t.csv", text.encode(), **options)


def written(*rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()


@given(
    columns=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    keys=st.lists(WORDS, min_size=1, max_size=4, unique=True),
    data=st.data(),
)
def test_white_space_is_none_of_a_name_or_a_value(columns, keys, data):
    values = [[data.draw(st.floats(allow_nan=False, allow_infinity=False).map(repr)) for _ in columns] for _ in keys]
    rows = [["material_id", "formula_pretty", *columns]]
    rows += [[key, "NaCl", *row] for key, row in zip(keys, values, strict=True)]
    spaced = [[data.draw(SPACES) + cell + data.draw(SPACES) for cell in row] for row in rows]
    plain = parsed(written(*rows))
    assert parsed(written(*spaced)) == plain
    assert list(plain) == keys
    assert plain[keys[0]].formula == "NaCl"
    assert plain[keys[0]].targets == dict(zip(columns, map(float, values[0]), strict=True))


def test_a_row_with_white_space_belongs_to_its_structure():
    table = parsed("material_id , band gap\nnacl , 5.5\n")
    assert table["nacl"].targets == {"band gap": 5.5}
    assert parsed("material_id, gap\na,1\n", names={" gap": "g"})["a"].targets == {"g": 1.0}


@pytest.mark.parametrize("cell", [*NOTHING, " n/a ", "inf", "-Infinity"])
def test_a_cell_that_says_nothing_is_no_class(cell):
    assert parsed(f"material_id,gap,kind\na,{cell},x\n")["a"].targets == {"kind": "x"}


@pytest.mark.parametrize("cell", ["Na", "None", "none", "-", "+", "?", "na", "phase_1", "P4_2/mnm", "1e", "1,5"])
def test_a_word_that_may_be_a_class_is_one(cell):
    table = parsed(written(["material_id", "kind"], ["a", cell]))
    assert table["a"].targets == {"kind": cell}


@pytest.mark.parametrize("cell", ["1_2", " 1_000.5 ", "1_0e3"])
def test_a_number_with_underscores_is_refused(cell):
    with pytest.raises(DataError, match=rf"t.csv, line 3: gap '{cell.strip()}': write a number without _"):
        parsed(f"material_id,gap\na,1\nb,{cell}\n")


COLUMNS = st.lists(st.sampled_from(["3.0", "-1", "1e-3", "-", "None", "none", "na", "?", *NOTHING]), min_size=1)


def gaps(cells):
    """The targets of a column, as both tables give them."""
    rows = [["material_id", "gap"], *([str(i), cell] for i, cell in enumerate(cells))]
    images = [["file", "gap"], *rows[1:]]
    found = [row.targets.get("gap") for row in parsed(written(*rows)).values()]
    assert [row.targets.get("gap") for row in read_labels(written(*images).encode(), "t.csv").values()] == found
    return found


@given(cells=COLUMNS.filter(lambda cells: any(cell[-1:].isdigit() for cell in cells)))
def test_in_a_column_of_numbers_marks_of_a_missing_value_make_no_class(cells):
    assert gaps(cells) == [float(cell) if cell[-1:].isdigit() else None for cell in cells]


@given(cells=COLUMNS.filter(lambda cells: any(cell[-1:].isdigit() for cell in cells)), data=st.data())
@pytest.mark.parametrize("odd", ["1,234", "3.1 eV", "<0.1", "± 2", "3,5", "0x10", "metal"])
def test_an_odd_cell_in_a_column_of_numbers_is_named_with_its_line(odd, cells, data):
    place = data.draw(st.integers(0, len(cells)))
    with pytest.raises(DataError, match=rf"t.csv, line {place + 2}: gap '{re.escape(odd)}': no number.*plain number"):
        gaps([*cells[:place], odd, *cells[place:]])


@pytest.mark.parametrize(
    "cells", [["2H", "3R", "1T"], ["a", "b", "c", "1"], ["none", "-", "x"], ["NaCl", "InF", "KCl"], ["1,5", "2,5"]]
)
def test_a_column_of_words_stays_one_of_classes(cells):
    assert gaps(cells) == cells


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("material_id,gap, gap\na,1,2\n", "columns of one name, material_id, gap, gap"),
        ("material_id,gap\na,1\n a,2\n", "line 3.*'a' comes twice"),
    ],
)
def test_names_that_white_space_alone_told_apart_are_refused(text, message):
    with pytest.raises(DataError, match=message):
        parsed(text)


@pytest.mark.parametrize("cell", NOTHING)
def test_every_table_knows_the_marks_of_a_missing_value(tmp_path, cell):
    assert word(cell) is None
    (row,) = read_labels(f"file,label,gap\na.png,{cell},{cell}\n".encode(), "labels.csv").values()
    assert (row.label, row.targets) == (None, {})
    (tmp_path / "p.csv").write_text(f"id,group\na,{cell}\n")
    with pytest.raises(ConfigError, match="a row with an empty cell"):
        two_columns(tmp_path / "p.csv", "id", "group", option="split.table")
