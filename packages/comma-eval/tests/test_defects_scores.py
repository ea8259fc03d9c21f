"""Scores against scikit-learn, and the head."""

import numpy as np
import pytest
from comma_data.sample import Sample
from comma_eval.defects import head
from comma_eval.defects.answers import answers, fewest, taught
from comma_eval.defects.exam import Exam, Fold, coded
from comma_eval.defects.scores import accuracy, difference, interval, macro_f1, majority, tally, within
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEEDS = pytest.mark.parametrize("seed", range(15))


def exam_of(truth, groups, train=()):
    classes, codes = coded(list(truth))
    test = np.setdiff1d(np.arange(len(codes)), np.array(train, dtype=np.int64))
    return Exam(
        labels={"set": "simulated"},
        samples=tuple(Sample(id=str(i), fields={}, groups={}) for i in range(len(codes))),
        classes=classes,
        truth=codes,
        groups=tuple(groups),
        unit="hosts",
        folds=(Fold(train=np.array(train, dtype=np.int64), test=test),),
        cells={(): test},
        facts={},
    )


def drawn(seed, items=60, classes=4, groups=7):
    """An exam and one said class for each item."""
    rng = np.random.default_rng(seed)
    truth = [f"class-{n}" for n in (*range(classes), *rng.integers(0, classes, items - classes))]
    exam = exam_of(truth, [f"host-{n}" for n in rng.integers(0, groups, items)])
    said = np.where(rng.random(items) < 0.5, exam.truth, rng.integers(0, classes, items))
    return exam, said


@SEEDS
def test_metrics_are_those_of_scikit_learn(seed):
    exam, said = drawn(seed)
    found = tally(exam, np.eye(4)[said], np.arange(60))
    assert interval(accuracy, found).value == pytest.approx(accuracy_score(exam.truth, said))
    assert interval(macro_f1, found).value == pytest.approx(f1_score(exam.truth, said, average="macro"))
    np.testing.assert_allclose(found.confusion, confusion_matrix(exam.truth, said, labels=range(4)))
    hosts = np.array(exam.groups)
    of_host = [accuracy_score(exam.truth[hosts == h], said[hosts == h]) for h in np.unique(hosts)]
    assert interval(within, found).value == pytest.approx(np.mean(of_host))
    most = [np.bincount(exam.truth[hosts == h]).max() / np.sum(hosts == h) for h in np.unique(hosts)]
    assert majority(found) == pytest.approx(np.mean(most))


@SEEDS
def test_a_resample_is_what_scikit_learn_says_of_the_drawn_hosts(seed):
    exam, said = drawn(seed)
    found = tally(exam, np.eye(4)[said], np.arange(60))
    hosts = np.unique(exam.groups)
    weights = np.random.default_rng(seed).integers(0, 3, len(hosts)).astype(float)
    weights[0] = 1.0
    rows = np.concatenate(
        [np.tile(np.flatnonzero(np.array(exam.groups) == h), int(w)) for h, w in zip(hosts, weights, strict=True)]
    )
    present = np.unique(exam.truth[rows])
    expected = f1_score(exam.truth[rows], said[rows], labels=present, average="macro", zero_division=0)
    assert macro_f1(found, weights[None])[0] == pytest.approx(expected)
    assert accuracy(found, weights[None])[0] == pytest.approx(accuracy_score(exam.truth[rows], said[rows]))


@SEEDS
def test_nothing_is_gained_over_oneself_and_intervals_hold_the_value(seed):
    exam, said = drawn(seed)
    found = tally(exam, np.eye(4)[said], np.arange(60))
    for statistic in (accuracy, within, macro_f1):
        nothing = difference(statistic, found, found)
        assert (nothing.low, nothing.value, nothing.high) == (0, 0, 0)
    whole = interval(within, found)
    assert whole.low <= whole.value <= whole.high


def test_labels_are_as_many_as_asked_of_each_class_and_more_hold_the_fewer():
    exam = exam_of(["a"] * 30 + ["b"] * 30 + ["c"] * 4, ["h"] * 64, train=range(64))
    (fold,) = exam.folds
    few, more = (taught(exam, fold, labels, 0) for labels in (3, 10))
    assert np.bincount(exam.truth[few]).tolist() == [3, 3, 3]
    assert np.bincount(exam.truth[more]).tolist() == [10, 10, 4]
    assert set(few) < set(more)
    assert set(few) != set(taught(exam, fold, 3, 1))
    np.testing.assert_array_equal(taught(exam, fold, None, 0), fold.train)
    assert [fewest(exam, labels) for labels in (3, 10, None)] == [3, 4, 4]


def test_answers_are_shares_of_draws_about_items_that_are_asked():
    rng = np.random.default_rng(0)
    exam = exam_of([str(n % 2) for n in range(80)], [str(n // 8) for n in range(80)], train=range(60))
    vectors = rng.normal(size=(80, 3)) + exam.truth[:, None]
    said = answers(exam, vectors, 4)
    np.testing.assert_allclose(said.sum(axis=1), [0.0] * 60 + [1.0] * 20)
    assert set(np.round(said * 5, 6).ravel()) <= {0, 1, 2, 3, 4, 5}


def points(seed=0, items=120):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, items)
    x = rng.normal(size=(items, 5)) * [1, 10, 0.1, 1, 1] + np.eye(3, 5)[y] * [2, 20, 0.2, 0, 0]
    return x, y, np.repeat(np.arange(items // 6), 6)


def test_the_head_is_that_of_scikit_learn_at_its_penalty():
    x, y, groups = points()
    fitted = head.fit(x[:90], y[:90], groups[:90])
    same = make_pipeline(StandardScaler(), LogisticRegression(C=fitted.c, max_iter=1000)).fit(x[:90], y[:90])
    assert (fitted.predict(x[90:]) == same.predict(x[90:])).mean() > 0.95
    assert (fitted.predict(x[90:]) == y[90:]).mean() > 0.8


@pytest.mark.parametrize("width", [0, 3])
def test_without_anything_that_varies_it_says_the_most_frequent_class(width):
    y = np.array([1, 1, 2, 0, 1])
    fitted = head.fit(np.ones((5, width)), y, np.arange(5))
    assert fitted.predict(np.zeros((4, width))).tolist() == [1, 1, 1, 1]


def test_the_penalty_is_chosen_on_groups_that_it_has_not_seen(monkeypatch):
    x, y, groups = points()
    x = np.hstack([x, groups[:, None].astype(float)])
    seen, real = [], head._fit

    def spy(of, classes, cs):
        seen.append(set(of[:, -1]))
        return real(of, classes, cs)

    monkeypatch.setattr(head, "_fit", spy)
    assert head.chosen(x, y, groups) in head.CS
    assert len(seen) == head.INNER
    every = set(groups.astype(float))
    held_out = [every - learnt for learnt in seen]
    assert set().union(*held_out) == every
    assert sum(map(len, held_out)) == len(every)  # each group is held out once, whole


def test_a_penalty_that_cannot_be_chosen_is_the_default():
    x, y, _ = points()
    assert head.chosen(x, y, np.zeros(len(y), dtype=int)) == head.DEFAULT
    assert head.chosen(np.ones((12, 2)), np.tile([0, 1], 6), np.arange(12)) == head.DEFAULT


def test_heads_of_other_penalties_are_kept_apart():
    x, y, _ = points()
    strong, weak = head._fit(x, y, (1e-3, 1.0))
    assert np.abs(strong.model.coef_).max() < np.abs(weak.model.coef_).max()
