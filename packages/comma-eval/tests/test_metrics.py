import numpy as np
import pytest
from comma_eval.metrics import group_means, interval_of, mean_interval, paired_difference


def test_every_group_weighs_the_same():
    values, groups = np.array([1.0, 1.0, 1.0, 0.0]), ["SrTiO3", "SrTiO3", "SrTiO3", "LiFePO4"]
    assert group_means(values, groups).tolist() == [0.0, 1.0]
    assert mean_interval(values, groups).value == 0.5
    assert mean_interval(values, groups).n == 2


def test_the_interval_covers_the_truth_19_times_in_20():
    rng = np.random.default_rng(0)
    groups = [str(number) for number in range(80)]
    found = [mean_interval(rng.random(80) ** 2, groups) for _ in range(200)]
    covered = np.mean([interval.low <= 1 / 3 <= interval.high for interval in found])
    assert 0.90 <= covered <= 0.99


def test_copies_of_a_query_do_not_narrow_the_interval():
    values, groups = np.random.default_rng(1).random(50), [str(number) for number in range(50)]
    once, often = mean_interval(values, groups), mean_interval(np.repeat(values, 9), np.repeat(groups, 9).tolist())
    assert (often.value, often.low, often.high) == pytest.approx((once.value, once.low, once.high))


def test_the_same_seed_gives_the_same_interval():
    values, groups = np.random.default_rng(2).random(30), [str(number) for number in range(30)]
    assert mean_interval(values, groups) == mean_interval(values, groups)


def test_a_paired_difference_is_sharper_than_two_means():
    rng = np.random.default_rng(3)
    hard, groups = rng.random(100), [str(number) for number in range(100)]
    better = hard + 0.05 + 0.01 * rng.standard_normal(100)
    difference = paired_difference(better, hard, groups)
    assert difference.value == pytest.approx(0.05, abs=0.005)
    assert difference.low > 0.04
    assert mean_interval(better, groups).low < mean_interval(hard, groups).high


def test_a_model_does_not_differ_from_itself():
    values, groups = np.random.default_rng(4).random(20), [str(number) for number in range(20)]
    difference = paired_difference(values, values, groups)
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_a_function_of_one_mean_has_the_interval_of_that_mean():
    values, groups = np.random.default_rng(5).random(40), [str(number) for number in range(40)]
    mean, root = mean_interval(values, groups), interval_of(lambda m: np.sqrt(m[0]), values[None], groups)
    assert interval_of(lambda m: m[0], values[None], groups) == mean
    assert (root.value, root.low, root.high) == pytest.approx(
        (mean.value**0.5, mean.low**0.5, mean.high**0.5), rel=1e-3
    )


def test_groups_are_drawn_once_for_all_means():
    hard, groups = np.random.default_rng(6).random(60), [str(number) for number in range(60)]
    ratio = interval_of(lambda m: m[0] / m[1], np.stack([1.5 * hard, hard]), groups)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.5, 1.5, 1.5))
    difference = interval_of(lambda m: m[0] - m[1], np.stack([hard + 0.1, hard]), groups)
    assert (difference.low, difference.high) == pytest.approx((0.1, 0.1))
