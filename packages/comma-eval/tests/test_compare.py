import json
from dataclasses import replace

import numpy as np
import pytest
from comma_eval import compare, items
from comma_eval.cli import app
from comma_eval.compare import sign_flip
from comma_eval.errors import UsageError
from comma_eval.task import Item
from scipy.stats import permutation_test
from typer.testing import CliRunner

RNG = np.random.default_rng(1)


def answers(model, values, *, fold=0, **labels):
    asked = {"direction": "structure -> protocol", **labels, "model": model}
    return [
        Item(labels=asked, item=f"{fold}-{i}", group=f"{fold}-{i // 2}", metric="R@1", value=float(value))
        for i, value in enumerate(values)
    ]


GOOD, BAD, CHANCE = RNG.random(60) + 0.2, RNG.random(60), np.full(60, 0.1)
A = [*answers("good", GOOD), *answers("chance", CHANCE)]
B = [*answers("bad", BAD), *answers("chance", CHANCE)]


def compared(a, b, names_a=(), names_b=()):
    return compare.compare(compare.choose("A", a, b, names_a), compare.choose("B", b, a, names_b))


def independent(differences):
    """The test of scipy, on differences that are groups of their own."""
    return permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue


@pytest.mark.parametrize("n", [2, 5, 9, 13])
def test_all_signs_are_counted_where_they_are_few(n):
    differences = RNG.normal(0.4, 1, size=n)
    assert sign_flip(differences, [str(i) for i in range(n)]) == pytest.approx(independent(differences))


def test_drawn_signs_agree_with_all_of_them():
    differences = RNG.normal(0.5, 1, size=16)
    assert sign_flip(differences, [str(i) for i in range(16)]) == pytest.approx(independent(differences), abs=0.01)


def test_equal_answers_have_p_1():
    assert sign_flip(np.zeros(4), list("aabb")) == sign_flip(np.zeros(40), [str(i) for i in range(40)]) == 1.0


def test_groups_that_do_not_differ_say_nothing():
    few = [str(i) for i in range(3)]
    assert sign_flip(np.ones(3), few) == 0.25
    assert sign_flip(np.array([1.0, 1, 1, *np.zeros(50)]), [*few, *(f"zero-{i}" for i in range(50))]) == 0.25


def test_p_is_never_0():
    assert sign_flip(np.ones(100), [str(i) for i in range(100)]) == 1e-4


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4, 1e6, 1e12])
def test_p_does_not_depend_on_the_unit(scale):
    rng = np.random.default_rng(0)
    for _ in range(100):
        differences = rng.uniform(0.1, 1, size=8)
        assert sign_flip(scale * differences, [str(i) for i in range(8)]) == 2 / 256


def test_copies_of_a_group_add_no_evidence():
    differences = RNG.normal(0.5, 1, size=8)
    names = [str(i) for i in range(8)]
    assert sign_flip(np.repeat(differences, 50), list(np.repeat(names, 50))) == pytest.approx(
        sign_flip(differences, names)
    )


def test_p_is_uniform_where_nothing_differs():
    found = [sign_flip(RNG.normal(size=12), [str(i) for i in range(12)]) for _ in range(300)]
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.06)
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


def test_the_two_that_are_not_on_both_sides_are_compared():
    (found,) = compared(A, B)
    assert found.difference.value == pytest.approx(GOOD.mean() - BAD.mean())
    assert (found.a, found.b) == pytest.approx((GOOD.mean(), BAD.mean()))
    assert (found.difference.n, found.items) == (30, 60)
    assert found.difference.low > 0
    assert found.p < 0.05


def test_the_other_way_round_only_the_sign_changes():
    (found,), (turned,) = compared(A, B), compared(B, A)
    assert turned.difference.value == -found.difference.value
    assert turned.p == found.p


def test_names_choose_and_several_are_one_model():
    (found,) = compared(A, A, ["good"], ["chance"])
    assert found.b == pytest.approx(0.1)
    folds = [*answers("run-0", GOOD[:20]), *answers("run-1", GOOD[20:], fold=1)]
    lines = [*answers("chance", CHANCE[:20]), *answers("chance", CHANCE[20:], fold=1)]
    (found,) = compared(folds, lines, ["run-0", "run-1"])
    assert found.items == 60


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([*A, *answers("third", GOOD)], B, "A holds answers of good, chance, third: say whose with --model-a"),
        ([], B, "A holds answers of nobody"),
        (answers("good", GOOD, view="masked"), B[:60], "A was asked direction structure -> protocol, view masked, R@1"),
        (
            answers("good", GOOD[:50]),
            B[:60],
            r"A \(good\) has no answer to 10 of the 60 items .*: 0-50, 0-51, 0-52, \.\.\.",
        ),
        (A[:60], answers("bad", BAD[:58]), r"B \(bad\) has no answer to 2 of the 60 items of .*: 0-58, 0-59\."),
        ([replace(item, group="x") for item in A], B, "put 0-0, 0-1, 0-2, ... into different groups"),
        (A * 2, B, "good answers 0-0 twice"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, message):
    with pytest.raises(UsageError, match=message):
        compared(a, b)


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="B holds no answers of 'worse'; it holds those of: bad, chance"):
        compared(A, B, (), ["worse"])


@pytest.fixture
def files(tmp_path):
    pytest.importorskip("pyarrow")
    for name, found in (("a", A), ("b", B)):
        items.write(found, tmp_path / f"{name}.parquet")
    return tmp_path


def test_a_report_and_a_folder_lead_to_their_items(files):
    (files / "a.json").write_text("{}")
    (files / "folds").mkdir()
    items.write(A[:30], files / "folds" / "0.parquet")
    items.write(A[30:], files / "folds" / "1.parquet")
    assert compare.read(files / "a.json") == compare.read(files / "folds") == compare.read(files / "a.parquet") == A


def test_a_report_without_items_says_how_to_get_them(files):
    (files / "c.json").write_text("{}")
    with pytest.raises(UsageError, match=r"holds no single answers.* --items .*c\.parquet"):
        compare.read(files / "c.json")
    (files / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no \.parquet file"):
        compare.read(files / "empty")


def test_the_command(files):
    arguments = ["compare", str(files / "a.parquet"), str(files / "b.parquet")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(files / "c.md")], catch_exceptions=False)
    assert "good minus bad" in result.stdout
    assert "| structure -> protocol | R@1 |" in (files / "c.md").read_text()
    document = json.loads(CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert (document["a"], document["b"]) == ("good", "bad")
    assert document["rows"][0].keys() == {"direction", "metric", "a", "b", "value", "low", "high", "p", "n", "items"}
