"""Checks of attributions: removal, random weights."""

import numpy as np
import pytest
import torch
from comma_encoders.parts import Parts
from comma_explorer.explain.checks import counts, deletion, rank_correlation
from comma_explorer.explain.side import Side
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

WORTH = torch.tensor([0.3, -0.1, 0.2, 0.0, 0.1])


class Additive(torch.nn.Module):
    """Not normalised: a similarity that is the sum of what is there."""

    device = torch.device("cpu")

    def project(self, _modality, inputs):
        return (inputs["kept"].float() * WORTH).sum(dim=1, keepdim=True)


def additive():
    parts = Parts(
        labels=tuple("abcde"),
        groups=(),
        grouped="",
        without=lambda kept: {"kept": kept},
        faded=lambda _encoder, gates: gates,
    )
    return Side.__new__(Side), parts


@pytest.fixture
def asked():
    blank, parts = additive()
    for name, value in {
        "model": Additive(), "modality": "x", "value": None, "parts": parts, "other": torch.ones(1),
    }.items():  # fmt: skip
        object.__setattr__(blank, name, value)
    return blank


def test_removing_the_true_order_loses_as_much_as_can_be(asked):
    curve = deletion(asked, WORTH.numpy(), shares=(0.2, 0.4, 0.6, 0.8))
    np.testing.assert_allclose(curve.ranked, [0.5, 0.2, 0.0, -0.1, -0.1], atol=1e-6)
    assert (curve.ranked[:, None] <= curve.random + 1e-6).all()
    assert curve.removed.tolist() == [0, 1, 2, 3, 4]
    assert curve.random.shape == (5, 20)


def test_the_opposite_order_is_seen_to_be_wrong(asked):
    curve = deletion(asked, -WORTH.numpy(), shares=(0.4,))
    assert curve.ranked[1] > curve.random[1].mean()


def test_random_removals_follow_the_seed(asked):
    first, again, other = (deletion(asked, WORTH.numpy(), seed=seed).random for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@given(st.integers(2, 500), st.lists(st.floats(0.0, 1.0), min_size=1))
def test_some_parts_go_and_some_stay(parts, shares):
    found = counts(parts, shares)
    assert found == sorted(set(found))
    assert all(1 <= k < parts for k in found)


def test_of_one_part_nothing_can_be_removed():
    assert counts(1, (0.2,)) == []


@given(st.lists(st.integers(-50, 50), min_size=4, max_size=30), st.integers(0, 2**32 - 1))
def test_the_correlation_is_spearmans_of_the_sizes(values, seed):
    a = np.array(values, dtype=float)
    b = np.random.default_rng(seed).integers(-5, 6, len(a)).astype(float)
    found = rank_correlation(a, b)
    if min(len(set(np.abs(a))), len(set(np.abs(b)))) < 3:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(np.abs(a), np.abs(b)).statistic, abs=1e-9)


def test_rounding_makes_no_rank():
    assert rank_correlation(np.array([1.0, 1.0 + 1e-7, 1.0 - 1e-7, 0.5]), np.array([1.0, 2.0, 3.0, 4.0])) is None
    assert rank_correlation(np.array([3.0, 2.0, 1.0]), np.array([-3.0, 2.0, -1.0])) == pytest.approx(1.0)
