"""Laws of the loss, and an independent calculation."""

import math

import numpy as np
import pytest
import torch
from comma_align.errors import EmptyError
from comma_align.losses import info_nce
from comma_align.objective import Alignment
from comma_align.pairs import chosen, relation
from comma_encoders.types import Embedded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize


def vectors(n, dim=8, seed=0):
    return normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def scale(value=1.0):
    return torch.tensor(value, dtype=torch.float64)


def slow(za, zb, positive, factor):
    """The formula, written with loops."""

    def one_way(logits, mask):
        rows = []
        for i in range(len(logits)):
            if not mask[i].any():
                continue
            negative = sum(math.exp(x) for x, p in zip(logits[i], mask[i], strict=True) if not p)
            terms = [
                -math.log(math.exp(x) / (math.exp(x) + negative)) for x, p in zip(logits[i], mask[i], strict=True) if p
            ]
            rows.append(sum(terms) / len(terms))
        return sum(rows) / len(rows)

    logits = (factor * za @ zb.T).numpy()
    mask = positive.numpy()
    return 0.5 * (one_way(logits, mask) + one_way(logits.T, mask.T))


@settings(max_examples=50)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 1000), st.floats(0.1, 20))
def test_it_is_the_formula(n, m, seed, factor):
    positive = torch.from_numpy(np.random.default_rng(seed).random((n, m)) < 0.4)
    if not positive.any():
        return
    za, zb = vectors(n, seed=seed), vectors(m, seed=seed + 1)
    expected = slow(za, zb, positive, factor)
    assert info_nce(za, zb, positive, scale(factor)).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_with_one_positive_a_row_it_is_the_loss_of_clip():
    za, zb = vectors(9), vectors(9, seed=1)
    logits, labels = 10 * za @ zb.T, torch.arange(9)
    clip = 0.5 * (cross_entropy(logits, labels) + cross_entropy(logits.T, labels))
    torch.testing.assert_close(info_nce(za, zb, torch.eye(9, dtype=torch.bool), scale(10.0)), clip)


@pytest.mark.parametrize(("n", "group"), [(8, 1), (8, 2), (12, 4)])
def test_at_equal_similarity_it_is_the_logarithm_of_one_plus_the_negatives(n, group):
    same = vectors(1).expand(n, -1)
    codes = torch.arange(n) // group
    loss = info_nce(same, same, codes[:, None] == codes[None, :], scale())
    assert float(loss) == pytest.approx(math.log(1 + n - group))


def test_identical_positives_cost_nothing():
    z = torch.eye(2, dtype=torch.float64)[[0, 0, 1, 1]]
    codes = torch.tensor([0, 0, 1, 1])
    assert float(info_nce(z, z, codes[:, None] == codes[None, :], scale(100.0))) < 1e-12


def test_it_is_symmetric():
    za, zb, positive = vectors(5), vectors(7, seed=1), torch.eye(5, 7, dtype=torch.bool)
    torch.testing.assert_close(info_nce(za, zb, positive, scale()), info_nce(zb, za, positive.T, scale()))


def test_a_false_negative_would_cost():
    z = vectors(6)
    codes = torch.tensor([0, 0, 1, 2, 3, 4])
    right = codes[:, None] == codes[None, :]
    z = z[codes]
    assert info_nce(z, z, right, scale(5.0)) < info_nce(z, z, torch.eye(6, dtype=torch.bool), scale(5.0))


def test_extreme_scales_stay_finite_in_value_and_gradient():
    za, zb = vectors(6).float().requires_grad_(), vectors(6, seed=1).float()
    loss = info_nce(za, zb, torch.eye(6, dtype=torch.bool), torch.tensor(100.0))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(za.grad).all()


def test_only_positives_no_negatives_is_zero_and_has_no_gradient():
    za = vectors(3).requires_grad_()
    loss = info_nce(za, vectors(3, seed=1), torch.ones(3, 3, dtype=torch.bool), scale())
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(za.grad, torch.zeros(3, 8, dtype=torch.float64))


def test_nothing_positive_is_refused():
    with pytest.raises(EmptyError):
        info_nce(vectors(2), vectors(2), torch.zeros(2, 2, dtype=torch.bool), scale())


def embedded(rows, seed):
    return Embedded(z=vectors(len(rows), seed=seed).float(), rows=torch.tensor(rows))


GROUPS = {"formula": torch.tensor([1, 1, 2]), "material": torch.tensor([1, 2, 3])}


def objective(*pairs):
    return Alignment(pairs)


def test_polymorphs_are_told_apart_only_where_both_sides_can():
    assert relation(("structure", "xrd")) == relation(("image", "structure")) == "material"
    assert relation(("structure", "text")) == relation(("composition", "xrd")) == "formula"


def test_a_pair_without_its_modality_is_left_out():
    loss = objective(("structure", "text"), ("structure", "xrd"))(
        {"structure": embedded([0, 1, 2], 0), "text": embedded([0, 2], 1)}, GROUPS
    )
    assert set(loss.terms) == {"structure-text"}
    assert loss.total == loss.terms["structure-text"]


def test_no_pair_at_all_is_refused_with_the_pairs():
    with pytest.raises(EmptyError, match="structure-text"):
        objective(("structure", "text"))({"structure": embedded([0], 0)}, GROUPS)


def test_every_pair_counts_alike():
    terms = objective(*chosen(["all"], ["structure", "text", "xrd"]))(
        {m: embedded([0, 1, 2], i) for i, m in enumerate(("structure", "text", "xrd"))}, GROUPS
    )
    assert terms.total.item() == pytest.approx(sum(term.item() for term in terms.terms.values()) / 3)


def test_the_temperature_is_clamped_and_learnt():
    module = objective(("structure", "text"))
    with torch.no_grad():
        module.log_scale.fill_(10.0)
    assert module.scale.item() == pytest.approx(100.0, rel=1e-6)
    module = objective(("structure", "text"))
    module({"structure": embedded([0, 1, 2], 0), "text": embedded([0, 1, 2], 1)}, GROUPS).total.backward()
    assert module.log_scale.grad.abs() > 0


@pytest.mark.parametrize("wanted", [["structure-txt"], ["structure"], [], ["text-text"]])
def test_pairs_that_cannot_be_are_refused(wanted):
    with pytest.raises(ValueError, match=r"no pair|at least one"):
        chosen(wanted, ["structure", "text"])


def test_pairs_are_named_in_any_order():
    assert chosen(["text-structure", "structure-text"], ["structure", "text"]) == (("text", "structure"),)
