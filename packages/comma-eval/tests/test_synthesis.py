import numpy as np
import pytest
from comma_eval.baselines.formulas import SYMBOLS, composition, elements, solids
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.metrics import mean_interval
from comma_eval.tasks.synthesis import Synthesis

DIRECTIONS = ("structure -> protocol", "protocol -> structure")


class Oracle:
    """Knows that elements decide among the planted perovskites."""

    def score(self, queries, gallery):
        keys = [[self.key(sample) for sample in side] for side in (queries, gallery)]
        return np.array([[float(a == b) for b in keys[1]] for a in keys[0]])

    @staticmethod
    def key(sample):
        if "text" in sample.fields:
            return elements(sample.fields["text"][0])
        return frozenset(solids(composition(sample)))


class Random:
    """Scores by nothing."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)

    def score(self, queries, gallery):
        return self.rng.random((len(queries), len(gallery)))


@pytest.fixture
def report(perovskites, quick_fit):
    return Synthesis().run({"oracle": Oracle(), "random": Random()}, perovskites[:10], perovskites)


def pick(report, **wanted):
    """Metric -> row of the rows with these labels and no others besides view and pool."""
    keys = {"view", "pool", *wanted}
    rows = [r for r in report.rows if set(r.labels) == keys and wanted.items() <= r.labels.items()]
    return {row.metric: row for row in rows}


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_oracle_is_right_about_everything(report, direction):
    rows = pick(report, direction=direction, model="oracle")
    assert [rows[m].value for m in ("R@1", "R@5", "R@10", "MRR")] == [1.0] * 4


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_chance_lies_in_the_interval_of_most_random_scorers(perovskites, quick_fit, direction):
    scorers = {str(seed): Random(seed) for seed in range(30)}
    report = Synthesis().run(scorers, perovskites[:10], perovskites)
    chance = pick(report, direction=direction, model="chance")["R@10"].value
    rows = [pick(report, direction=direction, model=name)["R@10"] for name in scorers]
    assert sum(row.low <= chance <= row.high for row in rows) >= 26


def test_sizes_are_told(report):
    rows = pick(report, direction=DIRECTIONS[0])
    assert {m: r.value for m, r in rows.items()} == {"queries": 128, "formulas": 64, "pool": 64}
    rows = pick(report, direction=DIRECTIONS[1])
    assert {m: r.value for m, r in rows.items()} == {"queries": 128, "formulas": 64, "pool": 128}


def test_chance_is_k_over_pool(report):
    rows = pick(report, direction=DIRECTIONS[0], model="chance")
    assert [rows[f"R@{k}"].value for k in (1, 5, 10)] == pytest.approx([1 / 64, 5 / 64, 10 / 64])
    assert rows["tied"].value == 128


def test_models_are_compared_pair_by_pair_with_every_baseline(report):
    gains = pick(report, direction=DIRECTIONS[0], model="oracle", against="chance")
    assert gains["R@1"].value == pytest.approx(63 / 64)
    ties = pick(report, direction=DIRECTIONS[0], model="oracle", against="element overlap")
    assert (ties["R@1"].low, ties["R@1"].high) == (0.0, 0.0)


def test_every_baseline_has_a_line(report, perovskites, quick_fit):
    def lines(found):
        return {row.labels["model"] for row in found.rows if "model" in row.labels}

    always = {"chance", "element overlap", "nearest recipes", "composition MLP"}
    assert lines(report) == {*always, "oracle", "random"}
    amounts = Synthesis(view="amounts").run({}, perovskites, perovskites)
    assert lines(amounts) == {*always, "element overlap + amounts"}


@pytest.mark.parametrize("view", ["masked", "operations"])
def test_without_materials_element_overlap_is_chance(perovskites, quick_fit, view):
    found = Synthesis(view=view).run({}, perovskites, perovskites)
    overlap = pick(found, direction=DIRECTIONS[0], model="element overlap")
    assert overlap["R@1"].value == pytest.approx(pick(found, direction=DIRECTIONS[0], model="chance")["R@1"].value)


def test_intervals_are_over_formulas(report):
    row = pick(report, direction=DIRECTIONS[0], model="random")["R@10"]
    assert row.n == 64
    assert row.low < row.value < row.high
    assert mean_interval(np.array([row.value]), ["a"]).low == row.value


def test_the_vector_of_elements_is_by_atomic_number():
    assert (SYMBOLS[0], SYMBOLS[21], len(SYMBOLS)) == ("H", "Ti", 118)


def test_nothing_to_ask_is_said(perovskites):
    with pytest.raises(EmptyTaskError, match="none of the 0 samples"):
        Synthesis().run({}, perovskites, [])


def test_an_unknown_view_is_named():
    with pytest.raises(UsageError, match="unknown view 'precursor'; known: precursors, amounts, masked, operations"):
        Synthesis(view="precursor")


def test_a_model_cannot_pass_for_a_baseline(perovskites, quick_fit):
    with pytest.raises(UsageError, match="cannot be called 'chance'"):
        Synthesis().run({"chance": Oracle()}, perovskites, perovskites)
