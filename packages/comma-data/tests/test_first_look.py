"""What is wrong with paths and tables is told at once, before anything is read."""

import re

import pytest
from comma_data.build import prepare
from comma_data.config import read_build
from comma_data.errors import ConfigError, DataError
from comma_data.two_columns import two_columns


@pytest.fixture
def root(make, tmp_path):
    root = tmp_path / "root"
    for folder in ("cifs", "sem"):
        (root / folder).mkdir(parents=True)
    (root / "cifs" / "a.cif").write_text(make["cif"]())
    (root / "sem" / "a.png").write_bytes(b"never read")
    (root / "sem" / "labels.csv").write_text("file,label\na.png,rod\n")
    (root / "texts.csv").write_text("id,text\np,Fired.\n")
    return root


def refused(tmp_path, root, text, kind=ConfigError):
    """The message, where nothing was read before it."""
    path = tmp_path / "build.toml"
    path.write_text(f'name = "a"\n{text}')
    read = []
    with pytest.raises(kind) as error:
        prepare(read_build(str(path)), root=root, progress=lambda what, done: read.append((what, done)))
    assert read == []
    return str(error.value)


FIRST = '[[structures]]\npath = "cifs"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{FIRST}[texts]\npath = "other.csv"', "other.csv: no such file or folder"),
        (f'pairs = "pairs.csv"\n{FIRST}', "pairs.csv: no such file"),
        (f'{FIRST}[split]\nby = "groups"\ntable = "texts.csv"', "no column group; it has id, text"),
        (f'pairs = "texts.csv"\n{FIRST}', "no column structure and other; it has id, text"),
        (f'{FIRST}[micrographs]\npath = "sem"\npattern = "("', "no regular expression"),
        ('[structures]\npath = "cifs"\n[structures.targets]\ngap = "gap"', "structures.targets: gap: .* has none"),
        ("", "no source is named"),
    ],
)
def test_a_fault_is_found_before_anything_is_read(tmp_path, root, text, message):
    assert re.search(message, refused(tmp_path, root, text))


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        (("texts.csv", "name,body\nx,y\n"), f'{FIRST}[texts]\npath = "texts.csv"', "has the columns name, body"),
        (
            ("sem/other.csv", ""),
            f'{FIRST}[micrographs]\npath = "sem"\ntable = "label.csv"',
            "did you mean 'labels.csv'",
        ),
        (("sem/labels.csv", "x\n1\n"), f'{FIRST}[micrographs]\npath = "sem"\ntable = "labels.csv"', "file and id"),
        (("cifs/properties.csv", "file,gap\na.cif,1\n"), FIRST, "material_id is the column of the structures' names"),
    ],
)
def test_a_table_is_looked_at_before_anything_is_read(tmp_path, root, table, text, message):
    (root / table[0]).write_text(table[1])
    assert message in refused(tmp_path, root, text, kind=DataError)


def test_all_faults_come_at_once(tmp_path, root):
    text = 'pairs = "p.csv"\n[structures]\npath = "cif"\n[micrographs]\npath = "sem"\ntable = "no.csv"\n'
    message = refused(tmp_path, root, text)
    assert all(part in message for part in ("3 faults", "p.csv: no such file", "no table no.csv", "cif: no such file"))


def test_a_missing_root_is_told_once(tmp_path):
    message = refused(tmp_path, tmp_path / "nowhere", '[structures]\npath = "a"\n[texts]\npath = "b"\n')
    assert message.count("no such folder") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "no column structure and other; it has a, b"),
        (b"", "it has none"),
        (b"structure\nx\n", "no column other; it has structure"),
        (b"structure,other\nx,\n", "empty cell"),
        (b"structure,other\nx\n", "empty cell"),
        (b"structure,other\nx, \n", "empty cell"),
        (b"structure,other\nx,nan\n", "empty cell"),
        (b"structure,other, other\nx,y,z\n", "the column other comes twice"),
        (b"structure,other\n\xff,x\n", "UTF-8"),
    ],
)
def test_a_table_of_two_columns_says_what_it_has(tmp_path, content, message):
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        two_columns(path, "structure", "other", option="pairs")
    assert message in str(error.value)
    assert "Error(" not in str(error.value)
