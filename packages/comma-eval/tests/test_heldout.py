import pytest
from comma_data.shards import ShardSet
from comma_data.split import Split, audit
from comma_eval.errors import UsageError
from comma_eval.heldout import held_out
from comma_eval.task import Needs

PAIRS = Needs(train=frozenset({"text"}), test=frozenset({"structure", "text"}))


def test_parts_share_no_formula_and_no_doi(data_set):
    shards, split = ShardSet(data_set), Split(test_fold=0)
    asked, chosen_on = held_out(shards, split, "test", PAIRS), held_out(shards, split, "validation", PAIRS)
    assert {int(s.groups["fold"]) for s in asked.test} == {0}
    assert {int(s.groups["fold"]) for s in chosen_on.test} == {1}
    assert {int(s.groups["fold"]) for s in asked.train} == {2, 3, 4}
    for kept_out in (asked.test, chosen_on.test):
        assert audit({"train": asked.train, "held out": kept_out})["formula"] > 30


def test_a_doi_that_a_held_out_formula_shares_is_not_learnt_from(data_set):
    train = held_out(ShardSet(data_set), Split(test_fold=0), "test", PAIRS).train
    dois = {value["doi"] for sample in train for value in sample.provenance.get("text", ())}
    assert dois
    assert "10.1/shared" not in dois


def test_an_unknown_part_is_named(data_set):
    with pytest.raises(UsageError, match="unknown fold 'train'; known: test, validation, all"):
        held_out(ShardSet(data_set), Split(test_fold=0), "train", PAIRS)


def test_all_are_asked_and_none_learnt_from(data_set):
    shards = ShardSet(data_set)
    parts = held_out(shards, Split(test_fold=0), "all", PAIRS)
    assert [sample.id for sample in parts.test] == [row.id for row in shards.rows]
    assert parts.train == ()


def test_who_learns_nothing_gets_no_training_samples(data_set):
    parts = held_out(ShardSet(data_set), Split(test_fold=0), "test", Needs(train=None, test=frozenset()))
    assert parts.train == ()
    assert parts.test
