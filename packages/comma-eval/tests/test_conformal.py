import numpy as np
import pytest
from comma_eval.conformal import FEWEST, half_width, held_back
from hypothesis import given
from hypothesis import strategies as st


def names(n):
    return [f"X{number}" for number in range(n)]


@given(st.lists(st.floats(0, 1e6), min_size=FEWEST, max_size=60))
def test_without_groups_it_is_the_textbook_quantile(errors):
    rank = int(np.ceil(0.9 * (len(errors) + 1) - 1e-9))
    assert half_width(np.array(errors), names(len(errors))) == sorted(errors)[rank - 1]


def test_too_few_groups_cover_only_everything():
    assert half_width(np.arange(8.0), names(8)) == np.inf
    assert half_width(np.arange(9.0), names(9)) == 8


def test_copies_of_a_sample_change_nothing():
    errors = np.random.default_rng(0).random(40)
    copied = half_width(np.repeat(errors, 7), [name for name in names(40) for _ in range(7)])
    assert copied == half_width(errors, names(40))


def test_a_group_of_a_thousand_has_no_more_say_than_any_other():
    errors = np.concatenate([np.zeros(99), np.full(1000, 5.0)])
    assert half_width(errors, [*names(99), *["one"] * 1000]) == 0
    assert np.quantile(errors, 0.9) == 5


def test_new_groups_are_covered_as_often_as_promised():
    """Errors of a formula are alike; counted by items the promise would be broken."""
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        sizes = rng.integers(1, 12, size=31)
        errors = [np.abs(rng.normal(0, 1 + size / 4) + 0.1 * rng.normal(size=size)) for size in sizes]
        width = half_width(np.concatenate(errors[:-1]), [f"X{i}" for i in range(30) for _ in range(sizes[i])])
        covered.append(np.mean(errors[-1] <= width))
    assert np.mean(covered) == pytest.approx(28 / 31, abs=0.03)


def test_a_tenth_of_the_formulas_calibrates_and_formulas_stay_whole():
    groups = [f"X{number % 400}" for number in range(1000)]
    held = held_back(groups)
    assert len({group for group, chosen in zip(groups, held, strict=True) if chosen}) == 40
    assert not {g for g, c in zip(groups, held, strict=True) if c} & {
        g for g, c in zip(groups, held, strict=True) if not c
    }
    assert held_back(names(20)).sum() == FEWEST


def test_who_calibrates_does_not_depend_on_the_order():
    groups = names(100)
    held = dict(zip(groups, held_back(groups), strict=True))
    assert dict(zip(groups[::-1], held_back(groups[::-1]), strict=True)) == held
