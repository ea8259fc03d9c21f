import pytest
from comma_data.shards import ShardSet
from comma_data.split import SALT, Split, group_hash
from comma_encoders.folder import save
from comma_encoders.model import AlignedModel
from comma_eval.errors import SeenError, UsageError
from comma_eval.heldout import held_out
from comma_eval.run import Asked, evaluate
from comma_eval.tasks.retrieval import Retrieval
from comma_eval.tasks.synthesis import Synthesis


@pytest.fixture
def make_model(tmp_path, data_set):
    """Writes a small untrained model whose manifest says this of its data and groups."""

    def make(name="run", **about):
        folder = tmp_path / "runs" / name / "model"
        model = AlignedModel.create("structure", "text", dim=16)
        split = {"salt": SALT, "test_fold": 2}
        save(model, folder, {"data": {"path": str(data_set)}, "split": split, **about})
        return folder

    return make


def test_a_model_folder_is_all_it_needs(make_model, quick_fit):
    report = evaluate(Synthesis(), make_model(groups_seen=[group_hash("MgO")]), None, Asked())
    assert report.facts["test fold"] == 2
    assert report.facts["model trained on"].startswith("1 groups, none of the ")
    rows = [row for row in report.rows if row.labels.get("model") == "run" and "against" not in row.labels]
    assert {row.metric for row in rows} == {"R@1", "R@5", "R@10", "MRR", "tied"}


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_model_that_saw_a_held_out_formula_gets_no_score(make_model, data_set, part):
    formula = held_out(ShardSet(data_set), Split(test_fold=2), part, Synthesis().needs).test[0].groups["formula"]
    with pytest.raises(SeenError, match=formula):
        evaluate(Synthesis(), make_model(groups_seen=[group_hash(formula)]), None, Asked(part=part))


def test_a_model_without_a_list_is_scored_as_unknown(make_model, quick_fit):
    assert evaluate(Synthesis(), make_model(), None, Asked()).facts["model trained on"].startswith("unknown")


def test_baselines_need_no_model(data_set, quick_fit):
    report = evaluate(Synthesis(), None, data_set, Asked(test_fold=3))
    assert report.facts["test fold"] == 3
    assert "model trained on" not in report.facts


def test_a_fold_that_the_model_was_trained_on_is_refused(make_model):
    with pytest.raises(UsageError, match="trained without fold 2, so fold 0 cannot test it"):
        evaluate(Synthesis(), make_model(), None, Asked(test_fold=0))


def test_folds_of_another_salt_are_refused(make_model):
    with pytest.raises(UsageError, match="salt 'another'"):
        evaluate(Synthesis(), make_model(split={"salt": "another", "test_fold": 0}), None, Asked())


def test_all_folds_leave_nothing_to_learn_from(data_set):
    with pytest.raises(UsageError, match="all folds are asked, which leaves none for the lines that learn"):
        evaluate(Synthesis(), None, data_set, Asked(part="all"))


def test_a_model_that_saw_one_of_all_gets_no_score(make_model):
    with pytest.raises(SeenError, match="BaTiO3"):
        evaluate(Retrieval(), make_model(groups_seen=[group_hash("BaTiO3")]), None, Asked(part="all"))
