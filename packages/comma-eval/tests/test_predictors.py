"""Every predictor of the package keeps the same contract: the baselines, and probes with every head."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_eval.baselines import properties
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.probe import probe
from comma_eval.regression import Regression, scaled
from comma_eval.task import Predictor
from planted import Sees, materials

MAKERS = {
    "mean": lambda: Regression(learn=properties.nothing, head="mean"),
    "composition ridge": lambda: Regression(learn=scaled(properties.compositions)),
    "composition forest": lambda: Regression(learn=scaled(properties.compositions), head="forest"),
    "words": lambda: Regression(learn=properties.words),
    "fusion": lambda: probe(Sees(), ("structure", "text")),
    **{
        f"probe {head}": lambda head=head: probe(Sees(), ["structure"], head)
        for head in ("ridge", "knn", "forest", "mlp")
    },
}


pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def train():
    return materials(90)


@pytest.fixture(scope="module")
def test():
    return materials(130)[150:]


@pytest.fixture(scope="module", params=MAKERS)
def make(request):
    return MAKERS[request.param]


@pytest.fixture(scope="module", params=["amount", "gap"])
def target(request):
    return request.param


@pytest.fixture(scope="module")
def learnt(make, train, target):
    return fitted(make, train, target)


def fitted(make, train, target):
    predictor = make()
    predictor.fit(train, target)
    return predictor


def same(a, b):
    for one, other in ((a.value, b.value), (a.low, b.low), (a.high, b.high)):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_it_is_a_predictor(make):
    assert isinstance(make(), Predictor)


def test_one_number_a_sample_inside_its_interval(learnt, test, target):
    found = learnt.predict(test)
    assert found.value.shape == found.low.shape == found.high.shape == (len(test),)
    assert np.isfinite([found.value, found.low, found.high]).all()
    assert ((found.low <= found.value) & (found.value <= found.high)).all()
    assert (found.zero is not None) == (target == "gap")
    if target == "gap":
        assert (found.low >= 0).all()
        assert (found.value >= 0).all()


def test_samples_do_not_see_each_other(learnt, test):
    whole = learnt.predict(test)
    order = np.random.default_rng(0).permutation(len(test))
    np.testing.assert_allclose(learnt.predict([test[i] for i in order]).value, whole.value[order], rtol=1e-9)
    np.testing.assert_allclose(learnt.predict(test[:1]).value, whole.value[:1], rtol=1e-9)
    assert learnt.predict([]).value.shape == (0,)


def test_held_out_samples_need_nothing_but_their_values(learnt, test):
    bare = [replace(sample, id="?", groups={}, targets={}) for sample in test]
    same(learnt.predict(bare), learnt.predict(test))


def test_a_second_fit_forgets_the_first_and_the_order_does_not_matter(make, learnt, train, test, target):
    again = fitted(make, train[:60], target)
    again.fit(train[::-1], target)
    same(learnt.predict(test), again.predict(test))


def test_neither_the_global_seed_nor_other_targets_are_read(make, learnt, train, test, target):
    other = [replace(sample, targets={target: sample.targets[target], "spoiled": 0.0}) for sample in train]
    drawn = []
    for work in (list, lambda: fitted(make, other, target)):
        np.random.seed(1)  # noqa: NPY002  the global state is what is tested
        torch.manual_seed(1)
        found = work()
        drawn.append((np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert drawn[0] == drawn[1]
    same(learnt.predict(test), found.predict(test))


def test_a_constant_is_learnt_exactly(make, train, test):
    train = [replace(sample, targets={"amount": 3.25}) for sample in train]
    found = fitted(make, train, "amount").predict(test)
    np.testing.assert_allclose([found.value, found.low, found.high], 3.25, atol=1e-6)


def test_too_few_labels_says_how_many_there_are(make, train):
    few = [sample for sample in train if sample.id < "x-0012"]
    with pytest.raises(EmptyTaskError, match=rf"{len(few)} labels of 12 formulas are too few to learn 'amount' from"):
        make().fit(few, "amount")


def test_a_class_is_no_number(make, train):
    with pytest.raises(UsageError, match=r"'kind' of sample .* is the class 'planted'; a property has to be"):
        make().fit(train, "kind")


def test_predicting_before_fitting_is_said(make, test):
    with pytest.raises(UsageError, match="was not fitted"):
        make().predict(test)


@pytest.mark.parametrize("name", ["probe ridge", "probe knn"])
def test_intervals_cover_new_formulas_as_promised(name):
    """About 370 formulas to learn from, 37 of them calibrate; on average over seeds 9 of 10 new ones are covered."""
    covered = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        samples = [s for n, s in enumerate(materials(560, seed=seed)) if rng.random() < 0.95 or n < 30]
        order = rng.permutation(len(samples))
        formulas = sorted({s.groups["formula"] for s in samples})
        held = set(rng.choice(formulas, size=len(formulas) // 3, replace=False))
        train = [samples[i] for i in order if samples[i].groups["formula"] not in held]
        test = [samples[i] for i in order if samples[i].groups["formula"] in held]
        found = fitted(MAKERS[name], train, "amount").predict(test)
        truth = np.array([sample.targets["amount"] for sample in test])
        covered.append(np.mean((found.low <= truth) & (truth <= found.high)))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.03)


def test_the_width_is_that_of_the_noise():
    found = fitted(MAKERS["probe ridge"], materials(600), "amount").predict(materials(5))
    np.testing.assert_allclose(found.high - found.low, 2 * 1.645 * 0.2, rtol=0.25)


@pytest.mark.parametrize("head", ["ridge", "knn", "forest", "mlp"])
def test_probes_beat_the_mean_where_there_is_something_to_see(head):
    known, new = materials(150), materials(230)[-80:]
    for target in ("amount", "gap"):
        truth = np.array([sample.targets[target] for sample in new])
        errors = {
            name: np.sqrt(np.mean((fitted(make, known, target).predict(new).value - truth) ** 2))
            for name, make in (("mean", MAKERS["mean"]), ("probe", MAKERS[f"probe {head}"]))
        }
        assert errors["probe"] < 0.7 * errors["mean"]


def test_zeros_are_told_apart(train):
    new = materials(230)[-80:]
    found = fitted(MAKERS["probe ridge"], train, "gap").predict(new)
    truth = np.array([sample.targets["gap"] for sample in new])
    assert 0.2 < np.mean(truth == 0) < 0.8
    assert np.mean(found.zero == (truth == 0)) > 0.9


def test_an_unknown_head_is_named():
    with pytest.raises(UsageError, match="unknown head 'forrest'; known: ridge, knn, forest, mlp, mean"):
        probe(Sees(), ["structure"], "forrest")
