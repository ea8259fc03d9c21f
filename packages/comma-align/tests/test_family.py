"""What every objective promises, and what each is for."""

import math

import numpy as np
import pytest
import torch
from comma_align import losses
from comma_align.config import Objective
from comma_align.diagnostics import alignment, diagnose, effective_rank, uniformity
from comma_align.errors import EmptyError
from comma_align.objective import OBJECTIVES, Alignment
from comma_align.pairs import chosen
from comma_align.sides import equal_codes, positives, sides
from comma_encoders.types import Embedded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import logsigmoid, normalize

every = pytest.mark.parametrize("kind", OBJECTIVES)
MODALITIES = ("structure", "text", "image")


def vectors(n, dim=8, seed=0, dtype=torch.float64):
    return normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=-1)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def random_sides(n, m, seed, dtype=torch.float64, groups=4):
    rng = np.random.default_rng(seed)
    a, b = (torch.from_numpy(rng.integers(groups, size=k)) for k in (n, m))
    return sides(
        vectors(n, seed=seed, dtype=dtype).requires_grad_(),
        vectors(m, seed=seed + 1, dtype=dtype).requires_grad_(),
        a,
        b,
    )


def value(x):
    return x.detach().item() if isinstance(x, torch.Tensor) else float(x)


def gradients(loss, of):
    return torch.autograd.grad(loss, (of.za, of.zb), allow_unused=True)


def close(found, expected, relative):
    for x, y in zip(found, expected, strict=True):
        assert value((x - y).norm()) <= relative * value(y.norm()) + 1e-300


def knobs_of(kind, chunk):
    from comma_align.objective import Knobs

    return Knobs(scale=number(7.0), bias=number(-3.0), margin=0.2, chunk=chunk)


@settings(max_examples=60)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 10_000), st.sampled_from([0.5, 10.0, 100.0, 900.0]))
def test_in_chunks_it_is_the_plain_loss_with_the_plain_gradients(n, m, seed, factor):
    for dtype, relative in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        of = random_sides(n, m, seed, dtype)
        same = of.a[:, None] == of.b[None, :]
        if not same.any():
            return
        scale = torch.tensor(factor, dtype=dtype, requires_grad=True)
        plain = losses.info_nce(of.za, of.zb, same, scale)
        expected = torch.autograd.grad(plain, (of.za, of.zb, scale))
        for chunk in (1, 7, 64):
            chunked = losses.infonce(of, scale, chunk=chunk)
            assert value(chunked) == pytest.approx(value(plain), rel=relative, abs=1e-12)
            found = torch.autograd.grad(chunked, (of.za, of.zb, scale))
            size = max(value(x.norm()) for x in expected)
            for x, y in zip(found, expected, strict=True):
                assert value((x - y).norm()) <= relative * max(size, value(scale))


@every
def test_chunks_change_neither_loss_nor_gradients(kind):
    of = random_sides(23, 17, 3)
    for term in filter(None, (OBJECTIVES[kind].term, OBJECTIVES[kind].rest)):
        whole, parts = term(of, knobs_of(kind, 1000)), term(of, knobs_of(kind, 5))
        assert value(parts) == pytest.approx(value(whole), rel=1e-12)
        close(gradients(parts, of), gradients(whole, of), 1e-12)


@every
def test_the_gradient_is_that_of_finite_differences(kind):
    of = random_sides(6, 5, 1, groups=3)
    for term in filter(None, (OBJECTIVES[kind].term, OBJECTIVES[kind].rest)):

        def at(za, zb, term=term):
            return term(sides(za, zb, of.a, of.b), knobs_of(kind, 2))

        assert torch.autograd.gradcheck(at, (of.za, of.zb), atol=1e-6)


@every
def test_order_does_not_matter(kind):
    of = random_sides(12, 9, 5)
    p, q = torch.randperm(12), torch.randperm(9)
    for term in filter(None, (OBJECTIVES[kind].term, OBJECTIVES[kind].rest)):
        moved = term(sides(of.za[p], of.zb[q], of.a[p], of.b[q]), knobs_of(kind, 4))
        assert value(moved) == pytest.approx(value(term(of, knobs_of(kind, 4))), rel=1e-12)


def embedded(n, seed=0, modalities=MODALITIES):
    return {
        m: Embedded(z=vectors(n, seed=seed + i, dtype=torch.float32).requires_grad_(), rows=torch.arange(n))
        for i, m in enumerate(modalities)
    }


def groups(n, per=2):
    return {"formula": torch.arange(n) // per, "material": torch.arange(n)}


def objective(kind, *pairs, **options):
    return Alignment(chosen(pairs or ["all"], MODALITIES), Objective(kind=kind, **options))


@every
@pytest.mark.parametrize("case", ["ordinary", "one sample", "all the same", "opposite", "one modality missing"])
def test_it_stays_finite(kind, case):
    n = 1 if case == "one sample" else 6
    found = embedded(n)
    if case == "all the same":
        found = {
            m: Embedded(z=vectors(1).float().expand(n, -1).clone().requires_grad_(), rows=e.rows)
            for m, e in found.items()
        }
    if case == "opposite":
        z = vectors(1).float().expand(n, -1)
        found["text"] = Embedded(z=(-z).clone().requires_grad_(), rows=found["text"].rows)
        found["structure"] = Embedded(z=z.clone().requires_grad_(), rows=found["text"].rows)
    if case == "one modality missing":
        del found["image"]
    loss = objective(kind)(found, groups(n)).total
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(e.z.grad).all() for e in found.values() if e.z.grad is not None)


@every
def test_a_modality_that_is_not_there_gets_no_gradient(kind):
    found = embedded(6)
    objective(kind, "structure-text")({m: found[m] for m in ("structure", "text")}, groups(6)).total.backward()
    assert found["image"].z.grad is None
    assert all(found[m].z.grad.abs().sum() > 0 for m in ("structure", "text"))


def trained(kind, steps=200, per=1, dim=4, n=24, **options):
    """Free vectors under the objective alone: what it wants of them."""
    torch.manual_seed(0)
    free = {m: torch.nn.Parameter(torch.randn(n, dim)) for m in MODALITIES}
    wanted = Alignment(chosen(["chain:structure-text-image"], MODALITIES), Objective(kind=kind, **options))
    optimizer = torch.optim.Adam([*free.values(), *wanted.parameters()], lr=0.05)
    for _ in range(steps):
        found = {m: Embedded(z=normalize(p, dim=1), rows=torch.arange(n)) for m, p in free.items()}
        optimizer.zero_grad()
        wanted(found, groups(n, per)).total.backward()
        optimizer.step()
    return {m: normalize(p.detach(), dim=1) for m, p in free.items()}


def similarity(z, a, b):
    found = z[a] @ z[b].T
    eye = torch.eye(len(found), dtype=torch.bool)
    return value(found[eye].mean()), value(found[~eye].mean())


@pytest.mark.slow
@pytest.mark.parametrize("kind", [k for k in OBJECTIVES if k != "cmc_literal"])
def test_it_brings_pairs_together_and_keeps_others_apart(kind):
    z = trained(kind)
    matched, mismatched = similarity(z, "structure", "text")
    assert matched > mismatched + 0.5
    assert effective_rank(z["structure"]) > 2.5


@pytest.mark.slow
def test_the_literal_loss_pulls_mismatched_pairs_together_and_its_bounded_reading_does_not():
    weights = {"image-structure": 5.0}
    literal, bounded = (
        similarity(trained(kind, pair_weights=weights), "structure", "image") for kind in ("cmc_literal", "cmc")
    )
    assert literal[1] > 0.6
    assert bounded[1] < 0.2
    assert bounded[0] > 0.6


def test_the_sigmoid_loss_is_its_formula():
    of = random_sides(5, 4, 2)
    sign = 2.0 * (of.a[:, None] == of.b[None, :]) - 1
    expected = -logsigmoid(sign * (7 * of.za @ of.zb.T - 3)).sum() / 5
    assert value(losses.sigmoid(of, number(7.0), number(-3.0))) == pytest.approx(value(expected), rel=1e-12)


def test_the_margin_loss_is_its_formula():
    of = sides(vectors(6), vectors(6, seed=1), torch.arange(6), torch.arange(6))
    similar = of.za @ of.zb.T
    expected = 0.0
    for s in (similar, similar.T):
        for i in range(6):
            hardest = max(value(s[i, j]) for j in range(6) if j != i)
            expected += max(0.0, 0.2 + hardest - value(s[i, i])) / 6
    assert value(losses.max_margin(of, 0.2)) == pytest.approx(expected / 2, rel=1e-12)


def test_one_way_from_a_to_b_and_from_b_to_a_make_both():
    of = random_sides(9, 7, 4)
    there, back = losses.one_way(of, number(5.0)), losses.one_way(of.turned, number(5.0))
    assert value(losses.infonce(of, number(5.0))) == pytest.approx(value(there + back) / 2, rel=1e-12)


def test_clip_punishes_what_shares_a_formula_and_infonce_does_not():
    same = {m: Embedded(z=vectors(3).float()[[0, 0, 1, 1, 2, 2]], rows=torch.arange(6)) for m in MODALITIES}
    quiet, loud = (objective(k, "structure-text", temperature=0.01)(same, groups(6)).total for k in ("infonce", "clip"))
    assert value(quiet) < 1e-6
    assert value(loud) == pytest.approx(math.log(2), rel=1e-3)


def test_clip_does_not_punish_other_visits_of_the_same_sample():
    visited = torch.tensor([0, 0, 1, 1, 2, 2])
    same = {m: Embedded(z=vectors(3).float()[visited], rows=torch.arange(6)) for m in MODALITIES}
    clip = objective("clip", "structure-text", temperature=0.01)
    assert value(clip(same, {**groups(6, 1), "sample": visited}).total) < 1e-6
    once = {**groups(6), "sample": torch.tensor([7, 3, 9, 1, 0, 5])}  # each sample once: as without codes
    found = embedded(6)
    assert value(clip(found, once).total) == value(clip(found, groups(6)).total)


def test_equal_codes_are_all_pairs_of_equal_code():
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(rng.integers(6, size=n)) for n in (20, 15))
    rows, columns = equal_codes(a, b)
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == {
        (i, j) for i in range(20) for j in range(15) if a[i] == b[j]
    }
    assert rows.tolist() == sorted(rows.tolist())


def test_what_counts_nothing_is_as_if_it_were_not_positive_and_not_negative():
    of = sides(vectors(4), vectors(4, seed=1), torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 2, 3]))
    some = type(of)(**{**of.__dict__, "weight_b": torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)})
    pairs = positives(some)
    assert pairs.forth.tolist() == pytest.approx([0.5, 0.5, 0, 0])
    with pytest.raises(EmptyError):
        positives(type(of)(**{**of.__dict__, "weight_b": torch.zeros(4, dtype=torch.float64)}))


def test_weights_of_pairs_are_those_of_the_mean():
    found = embedded(6)
    heavy = objective("infonce", pair_weights={"structure-text": 3.0})(found, groups(6))
    terms = {name: value(term.detach()) for name, term in heavy.terms.items()}
    expected = (3 * terms["structure-text"] + terms["image-text"] + terms["image-structure"]) / 5
    assert value(heavy.total) == pytest.approx(expected, rel=1e-6)


def test_a_value_meets_as_many_others_as_asked_for():
    same = {m: Embedded(z=vectors(1).float().expand(12, -1), rows=torch.arange(12)) for m in MODALITIES}
    for negatives, met in ((0, 11), (3, 3), (2, 2)):
        loss = objective("infonce", "structure-text", negatives=negatives)(same, groups(12, per=1)).total
        assert value(loss) == pytest.approx(math.log(1 + met), rel=1e-5)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["star:text"], {("text", "image"), ("text", "structure")}),
        (["chain:structure-text-image"], {("structure", "text"), ("text", "image")}),
        (["all"], {("image", "structure"), ("image", "text"), ("structure", "text")}),
        (["text-structure"], {("text", "structure")}),
    ],
)
def test_graphs_of_pairs(wanted, found):
    assert set(chosen(wanted, MODALITIES)) == found


@pytest.mark.parametrize("wanted", [["star:xrd"], ["chain:structure"], ["ring:structure-text"], ["chain:text-text"]])
def test_graphs_that_cannot_be_are_refused(wanted):
    with pytest.raises(ValueError, match="no pair"):
        chosen(wanted, MODALITIES)


def test_signs_of_collapse():
    z = vectors(400, dim=16).float()
    collapsed = z[:1].expand(400, -1)
    line = torch.cat([z[:1], -z[:1]] * 200)
    assert (alignment(z, z), uniformity(collapsed)) == (0, pytest.approx(0, abs=1e-6))
    assert uniformity(z) == pytest.approx(-4, abs=0.5)
    assert effective_rank(collapsed) == pytest.approx(1, abs=1e-3)
    assert effective_rank(line) == pytest.approx(1, abs=1e-3)
    assert effective_rank(z) > 15
    names = diagnose(embedded(6), (("structure", "text"),))
    assert {"alignment structure-text", "uniformity image", "effective rank text"} <= set(names)


@pytest.mark.parametrize("kind", ["cmc", "cmc_literal"])
@pytest.mark.parametrize("negatives", [0, 3])
def test_modalities_that_are_not_connected_repel_each_other_though_no_sample_has_both(kind, negatives):
    """As structures and micrographs do where no material has both: the term needs no pair that belongs together."""
    rows = {"structure": range(4), "text": range(8), "image": range(4, 8)}
    found = {m: Embedded(z=vectors(len(r)).float(), rows=torch.tensor(list(r))) for m, r in rows.items()}
    some = Alignment([("structure", "text"), ("image", "text")], Objective(kind=kind, negatives=negatives))
    terms = some(found, groups(8, per=1)).terms
    expected = {"structure-text", "image-text"} if negatives else {"structure-text", "image-text", "image-structure"}
    assert set(terms) == expected
    assert all(torch.isfinite(term) for term in terms.values())


def test_repulsion_without_a_pair_is_its_formula():
    za, zb = vectors(3).float(), vectors(4, seed=1).float()
    of = sides(za, zb, torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5, 6]))
    expected = -(((1 - za @ zb.T) / 2) + losses.EPS).log().mean()
    assert value(losses.repulsion(of)) == pytest.approx(value(expected), rel=1e-5)
