"""The README's figures are those of the committed results, and the vocabulary is what its script makes."""

import json

import pytest
from comma_encoders.modalities.text.tokenizer import SHIPPED, Tokenizer

from benchmarks import study_results, tables
from benchmarks.make_vocabulary import vocabulary


def test_the_readmes_are_up_to_date():
    texts = [path.read_text(encoding="utf-8") for path in tables.READMES]
    assert sum(len(tables.PLACE.findall(text)) for text in texts) == len(tables.TABLES)
    assert [tables.filled(text) for text in texts] == texts


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_changed_result_changes_its_table(name, tmp_path):
    file = f"{name.removesuffix(tables.OUTCOMES)}.json"
    result = json.loads((tables.RESULTS / file).read_text(encoding="utf-8"))
    for row in result["rows"]:
        row["value"] = 0.123
    for outcome in result.get("primary", []):
        outcome["value"] = outcome["other"]
    (tmp_path / file).write_text(json.dumps(result))
    assert tables.table(name, tmp_path) != tables.table(name)


def test_the_shipped_vocabulary_is_the_one_that_the_embedded_set_teaches():
    assert list(Tokenizer.load(SHIPPED).ids) == vocabulary()


def test_a_study_becomes_a_result_of_each_of_its_tasks(tmp_path):
    row = {"metric": "R@1", "value": 0.5, "low": None, "high": None, "n": 9}
    found = {
        "what": "x",
        "primary": [{"question": "a, view masked"}, {"question": "b"}],
        "facts": {"part": "test", "held-out samples, a": 3, "held-out samples, b, view x": 4},
        "rows": [{"task": "a", **row}, {"task": "b", **row}, {"task": "b", **row, "value": None}],
    }
    (tmp_path / "study.json").write_text(json.dumps(found))
    study_results.main([str(tmp_path), "first=a", "all", "--to", str(tmp_path)])
    first, whole = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "all"))
    assert [one["task"] for one in first["rows"]] == ["a"]
    assert first["primary"] == found["primary"][:1]
    assert first["facts"] == {"part": "test", "held-out samples, a": 3}
    assert len(whole["rows"]) == 2
    assert whole["facts"] == found["facts"]


def test_differences_can_be_kept_of_one_model_alone(tmp_path):
    row = {"task": "a", "metric": "R@1", "value": 0.5, "low": None, "high": None, "n": 9}
    models = [("m", "x"), ("m + head", "x"), ("other", "x"), ("x", None)]
    rows = [{**row, "model": model, **({"against": line} if line else {})} for model, line in models]
    (tmp_path / "study.json").write_text(json.dumps({"rows": rows, "primary": [], "facts": {}}))
    study_results.main([str(tmp_path), "all", "--differences-of", "m", "--to", str(tmp_path)])
    kept = json.loads((tmp_path / "all.json").read_text())["rows"]
    assert [one["model"] for one in kept] == ["m", "m + head", "x"]


@pytest.mark.parametrize(("folder", "wanted", "fault"), [("", "x=c", "no task c"), ("nowhere", "x", "is not there")])
def test_a_study_that_is_not_there_is_told(tmp_path, folder, wanted, fault):
    (tmp_path / "study.json").write_text(json.dumps({"rows": [], "primary": [], "facts": {}}))
    with pytest.raises(SystemExit, match=fault):
        study_results.main([str(tmp_path / folder), wanted])
