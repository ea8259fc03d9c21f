import codecs
import re
import tomllib

import pytest
from comma_data.config import CONFIGS, Build, read_build
from comma_data.configfile import dump_toml, find, key_lines, load, set_values
from comma_data.errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

GOOD = """# a comment
name = "mine"
split.salt = "x"

[structures]
path = "cifs"
origin = "measured"

[structures.targets]
gap = "band_gap"

[recipes]
path = "r"
optional = true

[simulate]
patterns = 1
images = 2
seed = 3

[guard]
max_atoms = 100
min_distance = 0.6
"""


def renamed(line, key):
    """GOOD with the key of a line spelt otherwise."""
    lines = GOOD.splitlines()
    lines[line - 1] = f"{key} = {lines[line - 1].split('=', 1)[1].strip()}"
    return "\n".join(lines)


def replaced(line, text):
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines)


MISSPELT = [
    (2, "nmae", "name"), (3, "split.slat", "salt"), (6, "pth", "path"), (6, "paths", "path"), (7, "orgin", "origin"),
    (13, "pat", "path"), (14, "optionl", "optional"), (14, "Optional", "optional"), (17, "pattern", "patterns"),
    (17, "paterns", "patterns"), (18, "image", "images"), (18, "imges", "images"), (19, "sede", "seed"),
    (22, "max_atom", "max_atoms"), (22, "maxatoms", "max_atoms"), (22, "max-atoms", "max_atoms"),
    (23, "min_distnace", "min_distance"), (23, "min_dist", "min_distance"), (3, "texbook", "textbook"),
    (7, "max_refsued", "max_refused"), (3, "sample_per_shard", "samples_per_shard"), (22, "min_hight", "min_height"),
]  # fmt: skip
HEADERS = [
    (5, "[structure]", "structures"), (12, "[recipe]", "recipes"), (16, "[simulation]", "simulate"),
    (21, "[guards]", "guard"), (21, "[garud]", "guard"), (5, "[strutcures]", "structures"),
]  # fmt: skip
WRONG = [
    (2, 'name = ""'), (2, "name = 3"), (2, 'name = "My Set"'), (3, "split.salt = 3"), (3, "split.salt = [1]"),
    (3, "textbook = 2"),
    (7, "max_refused = 1.5"), (7, "max_refused = -0.1"), (7, 'max_refused = "much"'), (7, "max_refused = nan"),
    (3, "samples_per_shard = 0"), (6, "path = 3"), (10, "gap = 3"), (14, 'optional = "perhaps"'), (17, "patterns = 2"),
    (18, "images = 1.5"), (19, "seed = -1"), (22, 'max_atoms = "many"'), (23, "min_distance = []"), (3, "guard = 3"),
]  # fmt: skip
BROKEN = [
    (2, 'name = "mine', "name"), (3, "split.salt = ", "split"), (5, "[structures", "structures"),
    (17, "patterns == 1", "patterns"),
    (18, "images 2", "images"), (6, "path = 'a' 'b'", "path"), (22, "max_atoms = 100 200", "max_atoms"),
]  # fmt: skip


def refused(tmp_path, text):
    path = tmp_path / "build.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(Build, path)
    assert error.value.exit_code == 2
    assert str(path) in str(error.value)
    return str(error.value)


def test_there_are_fifty_bad_files():
    assert len(MISSPELT) + len(HEADERS) + len(WRONG) + len(BROKEN) >= 50


@pytest.mark.parametrize(("line", "key", "meant"), MISSPELT)
def test_a_misspelt_key_names_line_and_nearest(tmp_path, line, key, meant):
    message = refused(tmp_path, renamed(line, key))
    assert f"line {line}:" in message
    assert f"{key}'" in message
    assert f"did you mean {meant!r}?" in message


@pytest.mark.parametrize(("line", "header", "meant"), HEADERS)
def test_a_misspelt_table_names_line_and_nearest(tmp_path, line, header, meant):
    text = replaced(line, header).replace(
        "[structures.targets]", f"{header[:-1]}.targets]" if line == 5 else "[structures.targets]"
    )
    message = refused(tmp_path, text)
    assert f"line {line}:" in message
    assert f"did you mean {meant!r}?" in message


@pytest.mark.parametrize(("line", "text"), WRONG)
def test_a_wrong_value_names_line_key_and_value(tmp_path, line, text):
    key = text.split(" =")[0]
    source = GOOD.split("[guard]", maxsplit=1)[0].rstrip() if key == "guard" else GOOD
    lines = source.splitlines()
    lines[line - 1] = text
    message = refused(tmp_path, "\n".join(lines))
    assert f"line {line}:" in message
    assert key in message


@pytest.mark.parametrize(("line", "text", "meant"), BROKEN)
def test_text_that_is_no_toml_names_line_and_nearest(tmp_path, line, text, meant):
    message = refused(tmp_path, replaced(line, text))
    assert f"line {line}:" in message
    assert f"did you mean {meant!r}?" in message


def test_a_missing_key_is_named(tmp_path):
    assert "key 'name' is missing" in refused(tmp_path, GOOD.replace('name = "mine"', ""))


def test_all_faults_are_told_at_once(tmp_path):
    message = refused(tmp_path, renamed(17, "pattern").replace("images = 2", "images = 1000"))
    assert "line 17" in message
    assert "line 18" in message


def test_files_that_cannot_be_read(tmp_path):
    assert "not UTF-8" in refused_bytes(tmp_path, b"name = '\xff'")
    assert "line 1" in refused_bytes(tmp_path, b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Build, tmp_path / "missing.toml")


def test_a_byte_order_mark_in_front_is_no_part_of_the_file(tmp_path):
    path = tmp_path / "build.toml"
    for ending in ("\n", "\r\n"):
        path.write_bytes(codecs.BOM_UTF8 + GOOD.replace("\n", ending).encode())
        assert load(Build, path).name == "mine"
    path.write_bytes(codecs.BOM_UTF8 + GOOD.replace("# a comment\nname", "nmae").encode())
    with pytest.raises(ConfigError, match="line 1: unknown key 'nmae'; did you mean 'name'"):
        load(Build, path)


def refused_bytes(tmp_path, data):
    path = tmp_path / "b.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as error:
        load(Build, path)
    return str(error.value)


@pytest.mark.parametrize("name", ["crystals-and-protocols", "textbook", "materials-project", "structures"])
def test_named_builds_are_sound_and_survive_being_dumped(tmp_path, name):
    build = read_build(name)
    assert build.name == name
    path = tmp_path / "b.toml"
    path.write_text(dump_toml(build))
    assert load(Build, path) == build
    assert all(key in path.read_text() for key in Build.model_fields)


def test_an_unknown_name_has_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean 'textbook'.*materials-project, shared, structures, textbook"):
        find("textbok", CONFIGS, kind="build")
    assert find("a/b.toml", CONFIGS).name == "b.toml"


def test_settings_replace_what_the_file_says(tmp_path):
    path = tmp_path / "b.toml"
    path.write_text(GOOD)
    settings = [
        "guard.max_atoms=7",
        "simulate.images = 3",
        'split.salt="y"',
        "structures.origin=handbook",
        "guard.max_extent=5.0",
    ]
    build = load(Build, path, settings=settings)
    assert (build.guard.max_atoms, build.simulate.images, build.split.salt) == (7, 3, "y")
    assert build.structures[0].origin == "handbook"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("max_atoms=7", "--set max_atoms: unknown key.*did you mean 'guard.max_atoms'"),
        ("guard.max_atom=7", "--set guard.max_atom: unknown key.*did you mean 'guard.max_atoms'"),
        ("guard.max_atoms=many", "--set guard.max_atoms: guard.max_atoms = 'many'"),
        ("guard", "KEY=VALUE"),
        ("=3", "KEY=VALUE"),
        ("name.a=3", "name is a value, not a table"),
    ],
)
def test_bad_settings_are_named(tmp_path, setting, message):
    path = tmp_path / "b.toml"
    path.write_text(GOOD)
    with pytest.raises(ConfigError, match=message):
        load(Build, path, settings=[setting])


def test_a_fault_of_a_setting_does_not_name_the_file(tmp_path):
    path = tmp_path / "b.toml"
    path.write_text(GOOD)
    with pytest.raises(ConfigError) as error:
        load(Build, path, settings=["guard.max_atom=7"])
    assert str(error.value).startswith("--set guard.max_atom: ")


@pytest.mark.parametrize("line", ["name = mine", "name = my-set # mine", "name = a/b.csv"])
def test_text_without_quotes_is_told_so(tmp_path, line):
    text = line.split("=")[1].split("#")[0].strip()
    assert f'put text in quotes: name = "{text}"' in refused(tmp_path, line)


def test_what_people_write_leads_to_the_key_that_they_mean(tmp_path):
    path = tmp_path / "b.toml"
    path.write_text('name = "a"\n[micrographs]\nlabels = "labels.csv"\n')
    with pytest.raises(ConfigError, match=r"line 3: unknown key 'micrographs.labels'; did you mean 'table'"):
        read_build(str(path))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("band = 60", "line 4: micrographs.band: frames = 'prefix' has no bands; set frames = 'overlap'"),
        ("band = 60\nframes = 'runs'", "line 4: micrographs.band: frames = 'runs' has no bands"),
        ("mask_classes = ['a', 'b']", "line 4: micrographs.mask_classes: no masks are read; say in masks where"),
    ],
)
@pytest.mark.parametrize("header", ["[micrographs]", "[[micrographs]]"])
def test_a_key_that_would_be_passed_over_is_refused(tmp_path, header, lines, message):
    path = tmp_path / "b.toml"
    path.write_text(f'name = "a"\n{header}\npath = "p"\n{lines}\n')
    found = message if header == "[micrographs]" else message.replace("micrographs.", "micrographs.0.")
    with pytest.raises(ConfigError, match=re.escape(found)):
        read_build(str(path))
    with pytest.raises(ConfigError, match="band"):
        read_build(str(path), settings=["micrographs.band=60", "micrographs.frames=file"])


def test_keys_that_need_each_other_are_taken_together(tmp_path):
    path = tmp_path / "b.toml"
    both = 'band = 60\nframes = "overlap"\nmask_classes = ["a"]\nmasks = "{name}.png"\n'
    path.write_text(f'name = "a"\n[micrographs]\n{both}')
    build = read_build(str(path))
    assert (build.micrographs[0].band, build.micrographs[0].mask_classes) == (60, ("a",))
    path.write_text(dump_toml(build))
    assert read_build(str(path)) == build


def test_settings_leave_the_given_values_alone():
    values = {"a": {"b": 1}}
    assert set_values(values, ["a.b=2", "c.d=[1, 2]"]) == {"a": {"b": 2}, "c": {"d": [1, 2]}}
    assert values == {"a": {"b": 1}}


def test_keys_are_found_in_their_lines():
    lines = key_lines('a = 1\n[b."c d"]\ne.f = 2\n[[g]]\nh = 3\n')
    assert lines == {
        ("a",): 1,
        ("b", "c d"): 2,
        ("b", "c d", "e", "f"): 3,
        ("g",): 4,
        ("g", "0"): 4,
        ("g", "0", "h"): 5,
    }


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    number: float = 1.0
    words: tuple[str, ...] = ()


class Outer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    maybe: int | None = None
    on: bool = False
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
inners = st.builds(Inner, number=st.floats(allow_nan=False, allow_infinity=False), words=st.lists(texts, max_size=3))
outers = st.builds(
    Outer,
    text=texts,
    maybe=st.none() | st.integers(-(2**40), 2**40),
    on=st.booleans(),
    inner=inners,
    several=st.lists(inners, max_size=2),
    named=st.dictionaries(texts, inners, max_size=2),
)


@given(outers)
def test_any_model_survives_being_dumped(outer):
    assert Outer.model_validate(tomllib.loads(dump_toml(outer))) == outer


def test_faults_inside_of_lists_and_maps_find_their_fields(tmp_path):
    path = tmp_path / "o.toml"
    path.write_text('text = "a"\nseveral = [{numbr = 1}]\n[named.x]\nword = []\n')
    with pytest.raises(ConfigError) as error:
        load(Outer, path)
    assert "line 2: unknown key 'several.0.numbr'; did you mean 'number'" in str(error.value)
    assert "line 4: unknown key 'named.x.word'; did you mean 'words'" in str(error.value)


LIST = """name = "a"

[[structures]]
path = "one"

[[structures]]
path = "two"
max_refusd = 0.1
"""


def test_a_list_of_tables_is_counted_in_messages_and_settings(tmp_path):
    path = tmp_path / "b.toml"
    path.write_text(LIST)
    with pytest.raises(ConfigError, match=r"line 8: unknown key 'structures.1.max_refusd'; did you mean 'max_refused'"):
        load(Build, path)
    path.write_text(LIST.replace("refusd", "refused"))
    changed = load(Build, path, settings=["structures.0.path=three", "structures.1.max_refused=0.3"])
    assert [(s.path, s.max_refused) for s in changed.structures] == [("three", 0.05), ("two", 0.3)]
    with pytest.raises(ConfigError, match="2 such tables"):
        load(Build, path, settings=["structures.path=three"])
    path.write_text(LIST[: LIST.index('[[structures]]\npath = "two"')])
    assert load(Build, path, settings=["structures.path=four"]).structures[0].path == "four"
