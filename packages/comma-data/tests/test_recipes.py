import json
import lzma
from collections import Counter

import pytest
from comma_data.conditions import ConditionError, celsius, clean, hours, names
from comma_data.errors import DataError
from comma_data.names import names_target
from comma_data.protocol import VIEWS, Operation, steps
from comma_data.sample import Record, Refusal
from comma_data.sources.recipes import read


def quantity(units, *values, low=None, high=None):
    return [{"values": list(values), "min_value": low, "max_value": high, "units": units}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ([], ()),
        (quantity("°C", 900.0, 750.0, 900.0), (750.0, 900.0)),
        (quantity("degC", 900), (900.0,)),
        (quantity("C", 900), (900.0,)),
        (quantity("K", 1273.15), (1000.0,)),
        (quantity("C", low=850.0, high=1000.0), (850.0, 1000.0)),
        (quantity("C", low=None, high=1000.0), (1000.0,)),
        (quantity("K", 273.15) + quantity("°C", 5), (0.0, 5.0)),
    ],
)
def test_temperatures_are_celsius(given, expected):
    assert celsius(given) == expected


@pytest.mark.parametrize(
    ("unit", "expected"), [("h", 2.0), ("hrs", 2.0), ("min", 0.0333), ("minutes", 0.0333), ("day", 48.0), ("s", 0.0006)]
)
def test_times_are_hours(unit, expected):
    assert hours(quantity(unit, 2)) == (expected,)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (quantity("F", 1), "unknown-unit"),
        (quantity("C", "hot"), "bad-number"),
        (quantity("C", float("nan")), "bad-number"),
    ],
)
def test_conditions_that_cannot_be_read_have_a_code(given, code):
    with pytest.raises(ConditionError) as error:
        celsius(given)
    assert error.value.code == code


def test_split_names_are_joined_again():
    assert names(["ethyl", "alcohol", "zirconia", "zirconia"]) == ("ethyl alcohol", "zirconia")
    assert names("nitric acid") == ("nitric acid",)
    assert names(None) == names([]) == names("") == ()


@pytest.mark.parametrize("text", ["a\x00b", "\u202egnirts", "\ud800", "a\nb", "x" * 201])
def test_invisible_or_endless_text_is_refused(text):
    with pytest.raises(ConditionError):
        clean(text)


def test_text_is_composed():
    assert clean(" e\u0301thanol ") == "éthanol"


def recipe(target="BaTiO3", elements=None, **changes):
    elements = elements or {"Ba": "1", "Ti": "1", "O": "3"}
    return {
        "doi": "10.1/x",
        "paragraph_string": "First the BaTiO3 ...",
        "target": {
            "material_string": target,
            "composition": [{"formula": target, "elements": elements}],
            **changes.pop("about", {}),
        },
        "precursors": [{"material_formula": "BaCO3"}, {"material_formula": "TiO2"}],
        "reaction": {"left_side": [{"material": "BaCO3", "amount": "1"}, {"material": "TiO2", "amount": "1"}]},
        "operations": [
            {
                "type": "LiquidGrinding",
                "token": "milled",
                "conditions": {"mixing_media": ["ethyl", "alcohol"], "mixing_device": ["BaTiO3"]},
            },
            {
                "type": "HeatingOperation",
                "token": "fired",
                "conditions": {"heating_temperature": quantity("K", 1273.15), "heating_time": quantity("min", 90)},
            },
            {"type": "Strange", "token": "waited", "conditions": None},
        ],
        **changes,
    }


def heated(unit):
    return {"type": "HeatingOperation", "token": "a", "conditions": {"heating_time": quantity(unit, 1)}}


def outcome(tmp_path, *recipes, wrap=True):
    path = tmp_path / "solid-state.json"
    path.write_text(json.dumps({"release_date": "x", "reactions": recipes} if wrap else recipes))
    return list(read(path))


def test_a_recipe_becomes_a_protocol(tmp_path):
    (record,) = outcome(tmp_path, recipe())
    assert record.key == "solid-state-00000"
    assert record.formula == record.value.target == "BaTiO3"
    assert record.value.precursors == ("BaCO3", "TiO2")
    assert record.value.amounts == (("BaCO3", 1.0), ("TiO2", 1.0))
    assert record.value.operations == (
        Operation(kind="mix", word="milled", media=("ethyl alcohol",)),
        Operation(kind="heat", word="fired", temperatures=(1000.0,), hours=(1.5,)),
        Operation(kind="other", word="waited"),
    )
    assert record.provenance["doi"] == "10.1/x"
    assert "BaTiO3" not in record.provenance["paragraph"]


def test_a_doi_and_a_method_that_are_null_are_not_told(tmp_path):
    first, second = outcome(tmp_path, recipe(doi=None), recipe(doi=None, synthesis_type=None, paragraph_string=None))
    assert first.provenance["doi"] == second.provenance["doi"] == ""
    assert second.value.method == "solid-state"


def test_every_recipe_has_an_origin_and_those_that_tell_the_same_have_one(tmp_path):
    nothing = {"doi": None, "paragraph_string": None}
    records = outcome(
        tmp_path, recipe(**nothing), recipe(**nothing), recipe(**nothing, operations=[]), recipe(paragraph_string="")
    )
    first, second, other, published = (record.provenance["paragraph"] for record in records)
    assert first == second != other
    assert "" not in {first, other}
    assert published == ""  # its DOI is its origin


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (recipe("BaxSr1-xTiO3"), "target-variable"),
        (recipe("LiFePO4/C"), "target-composite"),
        (recipe("barium titanate"), "target-unparsable"),
        (recipe(about={"additives": ["La"]}), "target-doped"),
        (recipe("BFO"), "target-doubtful"),
        (recipe(elements={"Ba": "1", "Ti": "1", "O": "3-x"}), "target-doubtful"),
        (recipe(about={"composition": []}), "target-doubtful"),
        (recipe(operations=[heated("fortnight")]), "unknown-unit"),
        (recipe(precursors=[{"material_formula": "a\x00"}]), "bad-text"),
        (recipe(precursors=None), "bad-schema"),
        ({}, "bad-schema"),
        ([], "bad-schema"),
    ],
)
def test_refused_recipes_are_counted_by_code(tmp_path, changed, code):
    refusal, accepted = outcome(tmp_path, changed, recipe())
    assert (refusal.code, refusal.key) == (code, "solid-state-00000")
    assert accepted.key == "solid-state-00001"


def test_rounded_amounts_still_agree(tmp_path):
    elements = {"Bi": "2", "Zn": "0.667", "Nb": "1.333", "O": "7"}
    (record,) = outcome(tmp_path, recipe("Bi2(Zn1/3Nb2/3)2O7", elements), wrap=False)
    assert isinstance(record, Record)


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"reactions": 3}', b"\xff\xfe"])
def test_files_that_are_no_recipes_stop_the_build(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json"):
        list(read(path))
    with pytest.raises(DataError, match=r"no \.json"):
        list(read(tmp_path / "nothing"))


def test_damaged_and_endless_archives_stop_the_build(tmp_path, monkeypatch):
    path = tmp_path / "a.json.xz"
    path.write_bytes(lzma.compress(b'{"reactions": []}')[:-5])
    with pytest.raises(DataError, match="damaged"):
        list(read(path))
    path.write_bytes(lzma.compress(b" " * 10_000))
    monkeypatch.setattr("comma_data.sources.recipes.LARGEST", 1000)
    with pytest.raises(DataError, match="unpacks to more"):
        list(read(path))


def test_no_view_of_a_real_recipe_tells_its_target(data_root):
    outcomes = list(read(data_root / "synthesis-recipes"))
    accepted = [o for o in outcomes if isinstance(o, Record)]
    codes = Counter(o.code for o in outcomes if isinstance(o, Refusal))
    assert codes == {
        "target-variable": 7334,
        "target-composite": 1996,
        "target-unparsable": 2807,
        "target-doped": 446,
        "target-doubtful": 9,
    }
    assert len(accepted) == 25_313 - codes.total()
    for record in accepted[::7]:
        for view in VIEWS:
            words = " ".join(steps(record.value, view)).replace(".", " ").split()
            assert not any(names_target(word, record.formula) for word in words), (record.key, view)


def test_files_below_a_folder_are_read_and_keep_apart(tmp_path):
    for place in ("a.json", "2020/a.json", "2021/deep/a.json"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(json.dumps([recipe()]))
    found = list(read(tmp_path))
    assert sorted(record.key for record in found) == ["2020/a-00000", "2021/deep/a-00000", "a-00000"]
    assert {record.value.method for record in found} == {"a"}


@pytest.mark.parametrize("changes", [{"doi": "10/\ud800"}, {"synthesis_type": "sol\ud800gel"}])
def test_halves_of_characters_are_refused_wherever_they_stand(tmp_path, changes):
    (tmp_path / "a.json").write_text(json.dumps([recipe(**changes)]))
    (refusal,) = read(tmp_path)
    assert refusal.code == "bad-text"
