import numpy as np
import pytest
from comma_eval.accuracy import METRICS, accuracy, spearman
from comma_eval.metrics import DRAWS, resamples
from comma_eval.task import Prediction
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

EVERY = (*METRICS, "Spearman")


def predicted(value, truth, width=0.8):
    return Prediction(value=value, low=value - width, high=value + width, zero=value < 0.3)


@pytest.fixture(scope="module")
def data():
    """Half of the truth is zero; formulas have one to four samples."""
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(120) < 0.5, 0.0, rng.gamma(2, 1, 120))
    value = np.maximum(truth + rng.normal(0, 0.6, 120), 0.0).round(1)
    groups = [f"X{number}" for number in rng.integers(0, 50, 120)]
    return value, truth, groups


def shares(groups):
    """Weight of each item, so that groups weigh the same."""
    return np.array([1 / groups.count(group) for group in groups])


def reference(value, truth, weight):
    """Figures by scikit-learn."""
    return {
        "RMSE": metrics.root_mean_squared_error(truth, value, sample_weight=weight),
        "MAE": metrics.mean_absolute_error(truth, value, sample_weight=weight),
        "R2": metrics.r2_score(truth, value, sample_weight=weight),
        "coverage": np.average(np.abs(truth - value) <= 0.8, weights=weight),
        "width": 1.6,
        "is-zero F1": metrics.f1_score(truth == 0, value < 0.3, sample_weight=weight),
    }


def test_figures_are_those_of_scikit_learn(data):
    value, truth, groups = data
    found = accuracy({"mine": predicted(value, truth)}, truth, groups, EVERY)["mine"]
    for metric, expected in reference(value, truth, shares(groups)).items():
        assert found[metric].value == pytest.approx(expected, rel=1e-9), metric


@pytest.mark.parametrize("draw", [0, 7, DRAWS - 1])
def test_every_resample_is_scored_by_the_same_formula(data, draw):
    value, truth, groups = data
    found = accuracy({"mine": predicted(value, truth)}, truth, groups, EVERY)["mine"]
    names = sorted(set(groups))
    times = dict(zip(names, resamples(len(names))[draw], strict=True))
    weight = shares(groups) * np.array([times[group] for group in groups])
    for metric, expected in reference(value, truth, weight).items():
        assert found[metric].draws[draw] == pytest.approx(expected, rel=1e-9), metric


def test_mape_is_that_of_scikit_learn(data):
    value, truth, groups = data[0], data[1] + 1, data[2]
    found = accuracy({"mine": predicted(value, truth)}, truth, groups, ["MAPE"])["mine"]["MAPE"].value
    assert found == pytest.approx(
        100 * metrics.mean_absolute_percentage_error(truth, value, sample_weight=shares(groups))
    )


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=25))
def test_spearman_is_that_of_scipy_on_the_test_set_and_on_resamples(pairs):
    value, truth = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    groups = [f"X{number:02}" for number in range(len(pairs))]
    found = spearman({"mine": value}, truth, groups)["mine"]
    for draw, times in enumerate([np.ones(len(pairs), int), *resamples(len(pairs))[:5].astype(int)]):
        a, b = np.repeat(value, times), np.repeat(truth, times)
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            assert np.isnan(found[draw])
        else:
            assert found[draw] == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-9)


def test_polymorphs_do_not_outvote_other_formulas():
    truth, value = np.array([0.0, 0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0, 3.0])
    found = accuracy({"m": predicted(value, truth)}, truth, ["TiO2", "TiO2", "TiO2", "MgO"], ["RMSE", "MAE"])["m"]
    assert found["MAE"].value == 2
    assert found["RMSE"].value == pytest.approx(np.sqrt(5))


def test_a_difference_is_paired():
    rng = np.random.default_rng(3)
    truth = rng.random(60)
    hard = rng.random(60)
    found = accuracy(
        {"worse": predicted(truth + hard + 0.05, truth), "better": predicted(truth + hard, truth)},
        truth,
        [str(number) for number in range(60)],
        ["MAE", "RMSE"],
    )
    gained = (found["better"]["MAE"] - found["worse"]["MAE"]).interval
    assert (gained.value, gained.low, gained.high) == pytest.approx((-0.05, -0.05, -0.05))
    assert found["better"]["MAE"].interval.high > found["worse"]["MAE"].interval.low
    assert (found["better"]["RMSE"] - found["better"]["RMSE"]).interval.low == 0


def test_what_is_not_defined_is_left_out():
    truth, groups = np.array([1.0, 2.0, 3.0]), ["a", "b", "c"]
    constant = Prediction(value=np.full(3, 2.0), low=np.full(3, -np.inf), high=np.full(3, np.inf))
    assert accuracy({"m": constant}, truth, groups, EVERY)["m"].keys() == {"RMSE", "MAE", "MAPE", "R2"}
    assert "R2" not in accuracy({"m": constant}, np.full(3, 1.0), groups, EVERY)["m"]


@pytest.mark.parametrize(("n", "zeros"), [(12, 10), (30, 27), (60, 57)])
def test_draws_of_zeros_alone_do_not_blow_up_an_interval(n, zeros):
    rng = np.random.default_rng(n)
    truth = np.where(np.arange(n) < zeros, 0.0, rng.uniform(1, 4, n))
    value = truth + rng.normal(0, 0.1, n)
    found = accuracy({"m": predicted(value, truth)}, truth, [str(i) for i in range(n)], ["R2"])["m"]["R2"].interval
    assert -1e4 < found.low <= found.value <= found.high <= 1


def test_the_interval_of_rmse_covers_the_truth_19_times_in_20():
    rng = np.random.default_rng(5)
    groups = [str(number) for number in range(80)]
    covered = []
    for _ in range(150):
        error = rng.normal(0, 2, 80)
        found = accuracy({"m": predicted(error, np.zeros(80))}, np.zeros(80), groups, ["RMSE"])["m"]["RMSE"].interval
        covered.append(found.low <= 2 <= found.high)
    assert 0.88 <= np.mean(covered) <= 0.99
