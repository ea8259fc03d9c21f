import pytest
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Split, audit
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.heldout import HeldOut, held_out, transferred
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


def both_sides(formulas_train, formulas_test):
    def samples(formulas):
        return tuple(Sample(id=f.lower(), fields={}, groups={"formula": f}) for f in formulas)

    return HeldOut(train=samples(formulas_train), test=samples(formulas_test))


def test_a_class_that_is_transferred_to_is_asked_about_and_not_learnt_from():
    found = transferred(both_sides(["MgO", "NaCl", "NiAl"], ["CaO", "KCl"]), "oxides")
    assert [s.id for s in found.train] == ["nacl", "nial"]
    assert [s.id for s in found.test] == ["cao"]


def test_without_a_class_both_sides_stay_as_they_are():
    both = both_sides(["MgO"], ["CaO"])
    assert transferred(both, "") is both


def test_lines_that_learn_nothing_need_no_training_sample():
    assert transferred(both_sides([], ["CaO"]), "oxides").train == ()


@pytest.mark.parametrize("sides", [(["MgO"], ["CaO"]), (["NaCl"], ["KCl"])])
def test_a_side_that_is_empty_then_is_told(sides):
    with pytest.raises(EmptyTaskError, match=r"oxides \(compounds with oxygen\): "):
        transferred(both_sides(*sides), "oxides")
