"""Folds as one sample, and verdicts by the rule that is printed."""

import json

import numpy as np
import pytest
from comma_app.study.config import Primary
from comma_app.study.errors import StudyError
from comma_app.study.pooling import differences, figures, gathered, others
from comma_app.study.result import outcome_for_json
from comma_app.study.verdict import judged, only
from comma_eval.defects import scores
from comma_eval.defects.scores import Tally
from comma_eval.metrics import mean_interval, paired_difference
from comma_eval.task import Item

N = 60


def items(model, values, metric="R@1", prefix="f"):
    return [
        Item(
            labels={"view": "x", "model": model},
            item=f"q-{i}",
            group=f"{prefix}{i // 2}",
            metric=metric,
            value=float(v),
        )
        for i, v in enumerate(values)
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def two_folds(**models):
    """A question whose items have the same names in both folds, as those of a pool have."""
    folds = []
    for fold in (0, 1):
        told = [i for model, of in models.items() for i in items(model, of[fold], prefix=f"{fold}-")]
        folds.append((fold, told))
    (question,) = gathered({"task": "t"}, folds)
    return question


def test_the_pool_is_the_mean_over_the_groups_of_all_folds(rng):
    a, b = rng.random((2, N)), rng.random((2, N))
    question = two_folds(ours=a, line=b)
    groups = [f"{fold}-{i // 2}" for fold in (0, 1) for i in range(N)]
    rows = {row.labels["model"]: row for row in figures(question)}
    wanted = mean_interval(a.ravel(), groups)
    assert (rows["ours"].value, rows["ours"].n) == (pytest.approx(wanted.value), N)
    assert (rows["ours"].low, rows["ours"].high) == pytest.approx((wanted.low, wanted.high), abs=0.01)
    (difference,) = differences(question, ["ours"])
    paired = paired_difference(a.ravel(), b.ravel(), groups)
    assert difference.labels["against"] == "line"
    assert difference.value == pytest.approx(paired.value)


def test_two_of_ours_are_compared_once(rng):
    question = two_folds(first=rng.random((2, N)), second=rng.random((2, N)), line=rng.random((2, N)))
    pairs = [(row.labels["model"], row.labels["against"]) for row in differences(question, ["first", "second"])]
    assert pairs == [("first", "second"), ("first", "line"), ("second", "line")]


def test_every_way_to_ask_a_model_is_compared(rng):
    named = {"m: image": rng.random((2, N)), "m, random weights: image": rng.random((2, N)), "line": rng.random((2, N))}
    question = two_folds(**named, mine=rng.random((2, N)))
    pairs = [(row.labels["model"], row.labels["against"]) for row in differences(question, ["m"])]
    assert pairs == [
        ("m: image", "m, random weights: image"),
        ("m: image", "line"),
        ("m: image", "mine"),
        ("m, random weights: image", "line"),
        ("m, random weights: image", "mine"),
    ]


def test_a_model_with_a_head_is_one_of_ours(rng):
    names = ("m", "m + ridge", "chance", "raw pattern + ridge")
    question = two_folds(**{name: rng.random((2, N)) for name in names})
    pairs = {(row.labels["model"], row.labels["against"]) for row in differences(question, ["m"])}
    assert pairs == {("m", "m + ridge"), *((mine, line) for mine in names[:2] for line in names[2:])}


def pictures(model, right, **labels):
    """Answers about the pictures of each host."""
    return [
        Item(
            labels={"set": "simulated", "model": model, **labels},
            item=f"{host}-{i}",
            group=host,
            metric="correct",
            value=v,
        )
        for host, values in right.items()
        for i, v in enumerate(values)
    ]


def test_accuracy_is_the_share_of_all_items_as_the_task_defines_it(rng):
    """Hosts have different numbers of pictures; the interval is that of comma eval defects."""
    right = {"a": [0.0], "b": [1.0] * 9} | {f"c{n}": rng.random(n).round() for n in range(1, 20)}
    wrong = {host: [1 - value for value in values] for host, values in right.items()}
    (question,) = gathered({"task": "t"}, [(0, [*pictures("ours", right), *pictures("line", wrong)])])
    counts = np.zeros((len(right), 2, 2))
    for place, host in enumerate(sorted(right)):
        counts[place, 0] = sum(right[host]), sum(wrong[host])
    ours, line = Tally(counts=counts), Tally(counts=counts[:, :, ::-1])
    rows = {(row.labels["model"], row.metric): row for row in figures(question)}
    for metric, statistic in (("accuracy", scores.accuracy), ("accuracy within host", scores.within)):
        for model, tally in (("ours", ours), ("line", line)):
            assert figure_of(rows[model, metric]) == pytest.approx(figure_of(scores.interval(statistic, tally)))
    gained = {row.metric: row for row in differences(question, ["ours"])}
    assert figure_of(gained["accuracy"]) == pytest.approx(figure_of(scores.difference(scores.accuracy, ours, line)))


def figure_of(found):
    return found.value, found.low, found.high, found.n


def test_accuracy_over_folds_is_the_share_of_the_items_of_all():
    folds = [(0, pictures("m", {"a": [0.0]})), (1, pictures("m", {"b": [1.0] * 9}))]
    (question,) = gathered({"task": "t"}, folds)
    rows = {row.metric: row for row in figures(question)}
    assert (rows["accuracy"].value, rows["accuracy"].n) == (0.9, 2)
    assert rows["accuracy within host"].value == 0.5


def test_only_sets_of_several_hosts_have_an_accuracy_within_them():
    told = pictures("m", {"frame": [1.0]}, set="measured")
    (question,) = gathered({"task": "t"}, [(0, told)])
    assert [row.metric for row in figures(question)] == ["accuracy"]


def test_rmse_is_the_root_of_the_mean_square(rng):
    error = rng.normal(size=N)
    told = items("ours", error**2, "squared error") + items("ours", abs(error), "absolute error")
    told += items("ours", error, "prediction")
    (question,) = gathered({"task": "t"}, [(0, told)])
    rows = {row.metric: row for row in figures(question)}
    assert rows.keys() == {"RMSE", "MAE"}
    assert rows["RMSE"].value == pytest.approx(np.sqrt((error**2).mean()))
    assert rows["RMSE"].low < rows["RMSE"].value < rows["RMSE"].high


def test_what_is_no_mean_of_answers_says_so():
    labels = {"task": "t", "view": "x"}
    rows = [{**labels, "metric": "queries", "value": v, "low": None, "high": None, "n": 1} for v in (5.0, 7.0)]
    rows += [{**labels, "metric": "largest pool", "value": v, "low": None, "high": None, "n": 1} for v in (5.0, 7.0)]
    rows += [
        {**labels, "model": "a", "metric": "Spearman", "value": v, "low": None, "high": None, "n": 9}
        for v in (0.2, 0.4)
    ]
    rows += [
        {**labels, "model": "a", "truth": "u", "metric": "v", "value": v, "low": None, "high": None, "n": n}
        for v, n in ((0.5, 10), (1.0, 30))
    ]
    rows += [{**labels, "model": "a", "metric": "R@1", "value": 0.5, "low": None, "high": None, "n": 9}]
    rows += [{**labels, "model": "a", "metric": "F1", "value": None, "low": None, "high": None, "n": 9}]
    told = tuple({"task": "t", "view": "x", "model": "a"}.items())
    found = {row.metric: row for row in others(rows, {(told, "R@1")})}
    assert found.keys() == {"queries", "largest pool", "Spearman, mean of folds", "v"}
    assert (found["v"].value, found["v"].n) == (0.875, 40)
    assert found["queries"].value == 12
    sizes = [{**labels, "metric": m, "value": 7.0, "low": None, "high": None, "n": 1} for m in ("hosts", "images")]
    assert {row.value for row in others([*sizes, *sizes], set())} == {14.0}
    assert found["largest pool"].value == 7
    assert found["Spearman, mean of folds"].value == pytest.approx(0.3)
    assert found["Spearman, mean of folds"].low is None


def outcome(**changes):
    base = {"name": "p", "task": "t", "where": {"view": "x"}, "model": "ours", "against": ("line",), "aim": 0.2}
    return Primary(**(base | changes))


@pytest.mark.parametrize(
    ("gain", "noise", "verdict"),
    [(0.5, 0.01, "holds"), (0.1, 0.01, "does not hold"), (-0.3, 0.01, "does not hold"), (0.25, 0.9, "undecided")],
)
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_verdicts(rng, gain, noise, verdict, better):
    """A gain that was planted, with noise that makes it certain or not."""
    line = 0.4 + 0.2 * rng.random((2, N))
    factor = 1 + gain if better == "higher" else 1 - gain
    jitter = noise * rng.standard_normal((2, N))
    question = two_folds(ours=factor * line + jitter - jitter.mean(), line=line)
    found = judged(outcome(better=better), question)
    assert found.verdict == verdict
    assert found.gain.value == pytest.approx(gain, abs=0.02)


def test_of_several_lines_the_best_is_what_counts(rng):
    weak, strong = 0.2 * np.ones((2, N)), 0.6 * np.ones((2, N))
    question = two_folds(ours=0.5 * np.ones((2, N)), weak=weak, strong=strong)
    assert judged(outcome(against=("weak", "strong")), question).against == "strong"
    assert judged(outcome(against=("weak", "strong"), better="lower"), question).against == "weak"


def test_a_line_at_zero_gives_no_relative_gain_but_a_verdict(rng):
    question = two_folds(ours=rng.random((2, N)), line=np.zeros((2, N)))
    found = judged(outcome(), question)
    assert found.gain is None
    assert found.verdict == "holds"


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_line_that_is_at_zero_in_some_resamples_keeps_the_gain_and_leaves_an_end_open(better):
    """Two of sixty groups are all that the line has; in some resamples the model has nothing either."""
    line, ours = np.zeros((2, N)), np.zeros((2, N))
    line[:, :2], ours[:, :6] = 0.9, 0.9
    found = judged(outcome(better=better), two_folds(ours=ours, line=line))
    sign = 1 if better == "higher" else -1
    assert found.gain.value == pytest.approx(sign * 2)
    open_end, end = (found.gain.high, found.gain.low) if sign > 0 else (found.gain.low, found.gain.high)
    assert open_end == sign * np.inf
    assert 0 <= sign * end < 2
    told = outcome_for_json(found)["gain"]
    assert told["high" if sign > 0 else "low"] is None
    assert json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"where": {"view": "y"}}, "no question of t fit where = .*view x"),
        ({"metric": "R@5"}, "has no 'R@5' .* it has R@1"),
        ({"against": ("nobody",)}, "'nobody' did not answer; there are ours, line"),
    ],
)
def test_an_outcome_that_cannot_be_told_says_what_there_is(rng, changes, message):
    question = two_folds(ours=rng.random((2, N)), line=rng.random((2, N)))
    with pytest.raises(StudyError, match=message):
        only(outcome(**changes), [question])


def test_an_outcome_of_several_questions_is_refused(rng):
    both = [two_folds(ours=rng.random((2, N)), line=rng.random((2, N))) for _ in range(2)]
    both[1].labels = {**both[1].labels, "pool": "open"}
    with pytest.raises(StudyError, match="2 questions of t fit"):
        only(outcome(), both)
