import numpy as np
import pytest
from comma_eval.errors import UsageError
from comma_eval.metrics import mean_interval, paired_difference
from comma_eval.pooled import pooled
from comma_eval.task import Item


def answers(model, values, *, fold=0, metric="R@1", view="masked"):
    """Two items a group; groups of different folds differ."""
    labels = {"view": view, "model": model}
    return [
        Item(labels=labels, item=f"{fold}-{i}", group=f"{fold}-{i // 2}", metric=metric, value=float(value))
        for i, value in enumerate(values)
    ]


RNG = np.random.default_rng(0)
ONE, TWO, OTHER_ONE, OTHER_TWO = (RNG.integers(0, 2, size=n) for n in (40, 60, 40, 60))
EVERYTHING = [
    *answers("mine", ONE),
    *answers("mine", TWO, fold=1),
    *answers("line", OTHER_ONE),
    *answers("line", OTHER_TWO, fold=1),
]
GROUPS = [*(f"0-{i // 2}" for i in range(40)), *(f"1-{i // 2}" for i in range(60))]


def pick(rows, **wanted):
    (row,) = (r for r in rows if r.labels == {"view": "masked", **wanted})
    return row


def test_folds_are_pooled_by_group():
    row = pick(pooled(EVERYTHING), model="mine")
    expected = mean_interval(np.concatenate([ONE, TWO]).astype(float), GROUPS)
    assert (row.value, row.low, row.high, row.n) == (expected.value, expected.low, expected.high, 50)


def test_the_interval_of_five_folds_is_narrower_than_that_of_one():
    one, all_ = (pick(pooled(items), model="mine") for items in (answers("mine", ONE), EVERYTHING))
    assert all_.high - all_.low < one.high - one.low


def test_differences_are_paired_whatever_the_order():
    row = pick(pooled(EVERYTHING[::-1], ["line"]), model="mine", against="line")
    a, b = np.concatenate([ONE, TWO]).astype(float), np.concatenate([OTHER_ONE, OTHER_TWO]).astype(float)
    expected = paired_difference(a, b, GROUPS)
    assert (row.value, row.low, row.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_questions_and_metrics_stay_apart():
    rows = pooled([*answers("mine", ONE), *answers("mine", TWO, metric="MRR"), *answers("mine", TWO, view="amounts")])
    assert [(row.labels["view"], row.metric, row.n) for row in rows] == [
        ("masked", "R@1", 20), ("masked", "MRR", 30), ("amounts", "R@1", 30),
    ]  # fmt: skip


def test_predictions_are_no_scores():
    assert pooled(answers("mine", ONE, metric="prediction") + answers("mine", ONE, metric="truth")) == ()


def test_a_fold_given_twice_is_refused():
    with pytest.raises(UsageError, match=r"mine answers 0-0 twice \(view masked, R@1\)"):
        pooled(answers("mine", ONE) * 2)


def test_different_items_are_named():
    with pytest.raises(UsageError, match=r"line has no answer to 60 of the 100 items .*: 1-0, 1-1, 1-2, \.\.\."):
        pooled([*answers("mine", ONE), *answers("mine", TWO, fold=1), *answers("line", ONE)], ["line"])


def test_an_unknown_line_is_named():
    with pytest.raises(UsageError, match="nobody is called 'lime'; the items are of: line, mine"):
        pooled(EVERYTHING, ["lime"])
