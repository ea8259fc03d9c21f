import numpy as np
import pytest
from comma_eval import heads
from comma_eval.heads import HEADS, fit, two_part


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "TREES", 20)
        yield


def data(n=240, *, seen=True, seed=0):
    """Zero where the first number is low; else 1 and a share of the second."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = np.where(x[:, 0] + 0.3 * rng.normal(size=n) < 0, 0.0, np.maximum(2 + x[:, 1], 0.1))
    return (x if seen else rng.normal(size=(n, 3))), y


def names(y):
    return [f"X{number}" for number in range(len(y))]


@pytest.mark.parametrize("head", HEADS)
def test_the_value_is_an_expectation(head):
    """Where nothing can be seen the best guess is the mean, not the commoner class."""
    x, y = data(600, seen=False)
    y *= np.arange(len(y)) % 3 == 0
    found = fit(head, x, y, names(y))(data(400, seen=False, seed=1)[0])
    assert (y == 0).mean() > 0.7
    assert found.value.mean() == pytest.approx(y.mean(), rel=0.25)
    assert found.present.mean() == pytest.approx((y > 0).mean(), rel=0.25)


@pytest.mark.parametrize("head", [head for head in HEADS if head != "mean"])
def test_both_parts_are_learnt(head):
    x, y = data()
    new, truth = data(seed=1)
    found = fit(head, x, y, names(y))(new)
    assert np.mean((found.present > 0.5) == (truth > 0)) > 0.85
    assert np.sqrt(np.mean((found.value - truth) ** 2)) < 0.6 * truth.std()
    assert (found.value >= 0).all()


def test_ridge_is_two_parts_of_scikit_learn():
    """With few formulas of a class nothing is chosen by folds, so that the two parts can be made by hand."""
    from sklearn.linear_model import LogisticRegression, RidgeCV

    x, y = data(50)
    there = y > 0
    occurs = LogisticRegression(C=1e-2, solver="newton-cholesky").fit(x, there).predict_proba(x)[:, 1]
    amount = RidgeCV(alphas=heads.PENALTIES).fit(x[there], y[there]).predict(x)
    np.testing.assert_allclose(fit("ridge", x, y, names(y))(x).value, occurs * np.maximum(amount, 0), rtol=1e-6)


def test_folds_within_a_fit_do_not_split_a_formula(monkeypatch):
    """Copies of a sample on both sides would choose no penalty at all."""
    x, y = data(120)
    rng = np.random.default_rng(0)
    x = np.concatenate([x, rng.normal(size=(120, 60))], axis=1)
    copied = fit("ridge", np.repeat(x, 4, axis=0), np.repeat(y, 4), np.repeat(names(y), 4).tolist())
    split = fit("ridge", np.repeat(x, 4, axis=0), np.repeat(y, 4), [f"X{n}" for n in range(480)])
    new, truth = data(400, seed=1)
    new = np.concatenate([new, rng.normal(size=(400, 60))], axis=1)

    def loss(present):
        return -np.mean(np.log(np.where(truth > 0, present, 1 - present)))

    assert loss(copied(new).present) < loss(split(new).present)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.repeat([0.0, 1.0], 50), True),
        (np.repeat([0.0, -1.0], 50), False),
        (np.concatenate([np.zeros(4), np.ones(96)]), False),
        (np.concatenate([np.zeros(95), np.ones(5)]), False),
        (np.ones(100), False),
        (np.zeros(100), False),
    ],
)
def test_when_zero_is_a_class_of_its_own(y, expected):
    assert two_part(y) is expected
