"""The README's figures are those of the committed results, and the vocabulary is what its script makes."""

import json

import pytest
from comma_encoders.modalities.text.tokenizer import SHIPPED, Tokenizer

from benchmarks import tables
from benchmarks.make_vocabulary import vocabulary


def test_the_readmes_are_up_to_date():
    texts = [path.read_text(encoding="utf-8") for path in tables.READMES]
    assert sum(len(tables.PLACE.findall(text)) for text in texts) == len(tables.TABLES)
    assert [tables.filled(text) for text in texts] == texts


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_changed_result_changes_its_table(name, tmp_path):
    result = json.loads((tables.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    for row in result["rows"]:
        row["value"] = 0.123
    (tmp_path / f"{name}.json").write_text(json.dumps(result))
    assert tables.table(name, tmp_path) != tables.table(name)


def test_the_shipped_vocabulary_is_the_one_that_the_embedded_set_teaches():
    assert list(Tokenizer.load(SHIPPED).ids) == vocabulary()
