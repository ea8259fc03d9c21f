import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from comma_data.shards import ShardSet
from comma_data.split import SALT, Split, group_hash, in_label_order
from comma_data.writer import Description, write
from comma_encoders.folder import save
from comma_encoders.model import AlignedModel
from comma_eval.cli import app, counts
from comma_eval.errors import EmptyTaskError, SeenError, UsageError
from comma_eval.heldout import held_out
from comma_eval.run import Asked, evaluate
from comma_eval.task import Prediction, Task
from comma_eval.tasks.property import Property
from planted import Sees, materials
from typer.testing import CliRunner

pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def train():
    return materials(80)


@pytest.fixture(scope="module")
def test():
    return materials(120)[107:]


@pytest.fixture(scope="module")
def planted_set(tmp_path_factory):
    """The planted materials on disk."""
    out = tmp_path_factory.mktemp("planted")
    write(materials(75), out, Description(name="planted", build={}, inputs={}, counts={}, joined={}))
    return out


class Recording:
    """Knows the answers, and keeps what it was shown."""

    def __init__(self, answers):
        self.answers, self.seen, self.taught = answers, [], []

    def fit(self, train, target):
        self.taught.append([sample.id for sample in train])
        self.samples, self.target = train, target

    def predict(self, samples):
        self.seen += samples
        value = np.array([self.answers[sample.fields["text"][0]] for sample in samples])
        return Prediction(value=value, low=value, high=value)


def oracle(samples, target):
    return Recording({sample.fields["text"][0]: sample.targets[target] for sample in samples})


@pytest.fixture(scope="module")
def spy(test):
    return oracle(test, "gap")


@pytest.fixture(scope="module")
def report(spy, train, test):
    return Property(target="gap").run({"oracle": spy}, train, test)


def pick(report, **wanted):
    """Metric -> row of the rows with these labels, and without the others that could be there."""
    rows = [r for r in report.rows if wanted.items() <= r.labels.items()]
    extra = {"model", "against"} - wanted.keys()
    return {row.metric: row for row in rows if not extra & row.labels.keys()}


def test_it_is_a_task():
    assert isinstance(Property(target="gap"), Task)


def test_the_oracle_is_right_and_stands_beside_every_baseline(report):
    for subset in ("all", "non-zero"):
        rows = pick(report, subset=subset, model="oracle")
        assert [rows[m].value for m in ("RMSE", "MAE", "Spearman", "R2")] == pytest.approx([0, 0, 1, 1])
        lines = {row.labels["model"] for row in report.rows if "model" in row.labels}
        assert lines == {"mean", "composition ridge", "composition forest", "words of the text", "oracle"}
        gained = pick(report, subset=subset, model="oracle", against="mean")["RMSE"]
        assert gained.high < 0
        assert gained.value == pytest.approx(-pick(report, subset=subset, model="mean")["RMSE"].value)


def test_metals_are_counted_apart(report, test):
    there = [sample for sample in test if sample.targets["gap"] > 0]
    assert pick(report, subset="all")["samples"].value == len(test)
    assert pick(report, subset="non-zero")["samples"].value == len(there)
    assert pick(report, subset="non-zero")["formulas"].value == len({s.groups["formula"] for s in there})
    assert "is-zero F1" in pick(report, subset="all", model="composition ridge")
    assert "is-zero F1" not in pick(report, subset="non-zero", model="composition ridge")
    assert "is-zero F1" not in pick(report, subset="all", model="oracle")


def test_a_target_without_zeros_has_one_subset(train, test):
    report = Property(target="amount").run({}, train, test)
    assert {(row.labels["labels"], row.labels["subset"]) for row in report.rows} == {("all", "all")}
    assert report.facts["labels"] == len(train)
    assert {row.metric for row in report.rows} == {
        "samples", "formulas", "RMSE", "MAE", "Spearman", "R2", "coverage", "width"
    }  # fmt: skip


def test_a_probe_that_sees_the_cell_beats_the_composition(train, test):
    task = Property(target="amount")
    report = task.run({"sees": task.model_of(Sees())}, train, test)
    assert pick(report, model="sees", against="composition forest")["RMSE"].high < 0
    assert pick(report, model="sees", against="composition ridge")["MAE"].high < 0
    assert pick(report, model="sees")["coverage"].value == pytest.approx(0.9, abs=0.15)


def test_a_model_is_shown_values_alone(report, spy):
    for sample in spy.seen:
        assert sample.id.startswith("held-out-")
        assert not any((sample.targets, sample.groups, sample.annotations, sample.provenance))
    for sample in spy.samples:
        assert sample.targets.keys() == {"gap"}
        assert sample.groups.keys() == {"formula"}


def test_subsets_of_labels_are_nested_and_the_same_for_every_model(train, test):
    one, two = oracle(test, "gap"), oracle(test, "gap")
    report = Property(target="gap", labels=(30, 60, 90)).run({"one": one}, train, test)
    Property(target="gap", labels=(60,)).run({"two": two}, train[::-1], test[::-1])
    assert [len(ids) for ids in one.taught] == [30, 60, 90]
    assert one.taught[0] == one.taught[1][:30]
    assert one.taught[1] == one.taught[2][:60] == two.taught[0]
    assert list(dict.fromkeys(row.labels["labels"] for row in report.rows)) == ["30", "60", "90"]


def test_a_label_curve_embeds_once(train, test):
    embedder = Sees()
    task = Property(target="amount", labels=(40, 60, 80))
    task.run({"sees": task.model_of(embedder)}, train, test)
    assert set(embedder.asked.values()) == {1}


def test_the_order_of_the_labels_is_by_formula(train):
    formulas = [sample.groups["formula"] for sample in in_label_order(train)]
    assert len(list(dict.fromkeys(formulas))) == len(set(formulas))
    runs = 1 + sum(a != b for a, b in pairwise(formulas))
    assert runs == len(set(formulas))


def test_items_say_what_was_predicted_and_what_is_true(report, test):
    ridge = [i for i in report.items if i.labels["model"] == "composition ridge" and i.labels["subset"] == "all"]
    by_metric = {m: {i.item: i.value for i in ridge if i.metric == m} for m in ("prediction", "truth", "squared error")}
    assert by_metric["truth"] == {sample.id: sample.targets["gap"] for sample in test}
    errors = {item: (by_metric["prediction"][item] - truth) ** 2 for item, truth in by_metric["truth"].items()}
    assert by_metric["squared error"] == pytest.approx(errors)
    assert {i.item: i.group for i in ridge} == {sample.id: sample.groups["formula"] for sample in test}
    there = {i.item for i in report.items if i.labels["subset"] == "non-zero"}
    assert there == {sample.id for sample in test if sample.targets["gap"] > 0}


def test_naive_fusion_takes_samples_that_have_either(train, test):
    half = [s if n % 2 else replace(s, fields={"text": s.fields["text"]}) for n, s in enumerate(train)]
    with pytest.raises(UsageError, match="'structur'; did you mean 'structure'"):
        Property(target="amount", modalities=("structur",))
    task = Property(target="amount", modalities=("structure", "text"))
    assert task.needs.test == frozenset()
    report = task.run({"sees": task.model_of(Sees())}, half, [*test, replace(test[0], id="none", fields={})])
    assert pick(report)["samples"].value == len(test)
    assert pick(report, model="sees", against="mean")["RMSE"].high < 0


def test_more_labels_than_there_are(train, test):
    with pytest.raises(UsageError, match=rf"500 labels of 'gap' are asked for; the training folds have {len(train)} "):
        Property(target="gap", labels=(30, 500)).run({}, train, test)


def test_nothing_to_ask_is_said(train):
    with pytest.raises(EmptyTaskError, match="none of the 0 held-out samples has 'gap'"):
        Property(target="gap").run({}, train, [])


def test_a_class_is_refused(train, test):
    with pytest.raises(UsageError, match="'kind' of sample x-0000-0 is the class 'planted'"):
        Property(target="kind").run({}, train, test)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: (np.zeros(n - 1),) * 3, "has to give one value, low and high for each of"),
        (lambda n: (np.full(n, np.nan), np.zeros(n), np.zeros(n)), "predicts no finite number for sample x-"),
        (lambda n: (np.zeros(n), np.ones(n), np.ones(n)), "predicts a value outside its own interval for sample x-"),
    ],
)
def test_a_broken_predictor_is_named(train, test, answer, message):
    class Broken(Recording):
        def predict(self, samples):
            value, low, high = answer(len(samples))
            return Prediction(value=value, low=low, high=high)

    with pytest.raises(UsageError, match=f"broken {message}"):
        Property(target="gap").run({"broken": Broken({})}, train, test)


def test_a_model_cannot_pass_for_a_baseline(train, test):
    with pytest.raises(UsageError, match="cannot be called 'mean'"):
        Property(target="gap").run({"mean": oracle(test, "gap")}, train, test)


def test_an_unknown_target_names_those_that_there_are(planted_set):
    with pytest.raises(UsageError, match=r"has the target 'gaps'; it has: amount, gap, kind; did you mean 'gap'\?"):
        evaluate(Property(target="gaps"), None, planted_set, Asked())


@pytest.fixture
def make_model(tmp_path, planted_set):
    def make(**about):
        folder = tmp_path / "runs" / "run" / "model"
        model = AlignedModel.create("composition", dim=16)
        save(model, folder, {"data": {"path": str(planted_set)}, "split": {"salt": SALT, "test_fold": 2}, **about})
        return folder

    return make


def test_a_model_that_saw_a_held_out_formula_gets_no_score(make_model, planted_set):
    task = Property(target="gap", modalities=("composition",))
    formula = held_out(ShardSet(planted_set), Split(test_fold=2), "test", task.needs).test[0].groups["formula"]
    with pytest.raises(SeenError, match=formula):
        evaluate(task, make_model(groups_seen=[group_hash("MgO"), group_hash(formula)]), None, Asked())


def invoke(*arguments):
    result = CliRunner().invoke(app, ["property", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_command_scores_a_model_folder(make_model):
    folder = make_model(groups_seen=[group_hash("MgO")])
    result = invoke(folder, "--target", "gap", "--from", "composition", "--labels", "30,40", "--head", "knn", "--json")
    document = json.loads(result.stdout)
    assert {row["target"] for row in document["rows"]} == {"gap"}
    assert {row["labels"] for row in document["rows"]} == {"30", "40"}
    assert {row.get("model") for row in document["rows"]} >= {"run", "mean", "composition forest"}
    assert document["facts"]["model trained on"].startswith("1 groups, none of the ")


@pytest.mark.parametrize("text", ["300, 1000", "300 1000", "1000,300,300"])
def test_label_counts_are_read(text):
    assert counts(text) == (300, 1000)


@pytest.mark.parametrize("text", ["many", "3.5", "1e3"])
def test_label_counts_that_are_none(text):
    with pytest.raises(UsageError, match="give whole numbers with commas"):
        counts(text)


def test_no_labels_at_all():
    with pytest.raises(UsageError, match="numbers of labels above 0"):
        Property(target="gap", labels=(0, 300))
