"""Laws of the retrieval scores, against brute force and an independent naive implementation."""

import itertools

import numpy as np
import pytest
import torch
from comma_encoders import retrieval
from comma_encoders.errors import InputError
from comma_encoders.retrieval import recall, similarity
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def naive(scores, relevant, k):
    """Mean over all orders of the gallery that sort the scores: the definition, one order at a time."""
    items = range(len(scores))
    answers, reciprocals = [], []
    for order in itertools.permutations(items):
        if any(scores[a] < scores[b] for a, b in itertools.pairwise(order)):
            continue
        first = next(place for place, item in enumerate(order, start=1) if relevant[item])
        answers.append(first <= k)
        reciprocals.append(1 / first)
    return np.mean(answers), np.mean(reciprocals)


@st.composite
def pools(draw):
    """A query with many ties against a gallery of up to 6, at least one of them relevant."""
    size = draw(st.integers(1, 6))
    scores = draw(hnp.arrays(np.float64, (1, size), elements=st.sampled_from([-1.0, 0.0, 0.5])))
    relevant = draw(hnp.arrays(np.bool_, (1, size)))
    relevant[0, draw(st.integers(0, size - 1))] = True
    return scores, relevant


def random_pool(queries=40, gallery=30, seed=0, levels=6):
    """Scores with ties and relevance sets of various sizes."""
    rng = np.random.default_rng(seed)
    relevant = rng.random((queries, gallery)) < 0.1
    relevant[np.arange(queries), rng.integers(gallery, size=queries)] = True
    return rng.integers(levels, size=(queries, gallery)).astype(float), relevant


@settings(max_examples=60)
@given(pool=pools(), k=st.integers(1, 7))
def test_ties_equal_the_mean_over_all_orders(pool, k):
    scores, relevant = pool
    at_k, reciprocal = naive(scores[0], relevant[0], k)
    result = recall(scores, relevant, ks=(k,))
    assert result.at[k] == pytest.approx(at_k, abs=1e-12)
    assert result.mrr == pytest.approx(reciprocal, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_without_ties_equal_to_sorting(k):
    rng = np.random.default_rng(1)
    _, relevant = random_pool(seed=1)
    scores = rng.permuted(np.tile(np.arange(30.0), (40, 1)), axis=1)
    sort = np.argsort(-scores, axis=1)
    first = np.argmax(np.take_along_axis(relevant, sort, axis=1), axis=1) + 1
    result = recall(scores, relevant, ks=(k,))
    assert result.at[k] == pytest.approx(np.mean(first <= k))
    assert result.mrr == pytest.approx(np.mean(1 / first))
    assert result.ties == 0
    np.testing.assert_array_equal(result.ranks.expected, first)


def test_expected_rank_is_the_mean_over_orders():
    scores, relevant = np.array([[1.0, 0.0, 0.0, 0.0, 0.0]]), np.array([[False, True, False, True, False]])
    first = [1 + min(p.index("x"), p.index("y")) for p in itertools.permutations(["x", "y", "a", "b"])]
    assert retrieval.ranks(scores, relevant).expected[0] == pytest.approx(1 + np.mean(first))


def test_perfect_scores_give_one():
    _, relevant = random_pool()
    result = recall(relevant.astype(float), relevant)
    assert set(result.at.values()) == {1.0}
    assert result.mrr == 1.0


def test_reversed_scores_find_nothing_early():
    _, relevant = random_pool()
    assert recall(-relevant.astype(float), relevant, ks=(1,)).at[1] == 0.0


def test_constant_scores_give_chance():
    _, relevant = random_pool()
    result = recall(np.zeros(relevant.shape), relevant)
    assert result.at == pytest.approx(result.chance)
    assert result.mrr == pytest.approx(result.chance_mrr)
    assert result.ties == result.queries


def test_chance_is_the_mean_over_random_scores():
    _, relevant = random_pool()
    rng = np.random.default_rng(2)
    drawn = [recall(rng.random(relevant.shape), relevant, ks=(1, 5)) for _ in range(300)]
    expected = drawn[0].chance
    for k in (1, 5):
        assert np.mean([d.at[k] for d in drawn]) == pytest.approx(expected[k], abs=0.015)
    assert np.mean([d.mrr for d in drawn]) == pytest.approx(drawn[0].chance_mrr, abs=0.015)


def test_chance_of_one_relevant_item_is_k_over_pool():
    relevant = np.eye(50, dtype=bool)
    assert recall(np.zeros((50, 50)), relevant).chance == pytest.approx({1: 0.02, 5: 0.1, 10: 0.2})


@pytest.mark.parametrize("seed", range(5))
def test_grows_with_k_and_reaches_one(seed):
    scores, relevant = random_pool(seed=seed)
    hits = recall(scores, relevant, ks=tuple(range(1, 31))).hits
    for k in range(1, 30):
        assert (hits[k] <= hits[k + 1] + 1e-12).all()
    np.testing.assert_allclose(hits[30], 1.0)


def test_order_of_the_gallery_does_not_matter():
    scores, relevant = random_pool()
    order = np.random.default_rng(3).permutation(scores.shape[1])
    before, after = recall(scores, relevant), recall(scores[:, order], relevant[:, order])
    assert before.at == pytest.approx(after.at, abs=1e-12)
    assert before.mrr == pytest.approx(after.mrr, abs=1e-12)


def test_per_query_values_average_to_the_result():
    result = recall(*random_pool())
    for k in (1, 5, 10):
        assert result.at[k] == pytest.approx(result.hits[k].mean())
        assert result.chance[k] == pytest.approx(result.chance_hits[k].mean())


def test_tensors_and_arrays_agree():
    scores, relevant = random_pool()
    assert recall(torch.from_numpy(scores), torch.from_numpy(relevant)).at == recall(scores, relevant).at


@pytest.mark.parametrize("queries", [1, 5, 37])
def test_equal_vectors_tie_wherever_they_stand(queries):
    torch.manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(queries, 129), dim=1)
    gallery = torch.nn.functional.normalize(torch.randn(1, 129), dim=1).repeat(67, 1)
    scores = similarity(z, gallery)
    assert (scores == scores[:, :1]).all()
    assert torch.equal(scores, similarity(gallery, z).T)


def test_similarity_is_the_dot_product_to_the_last_bit():
    torch.manual_seed(0)
    a, b = torch.randn(20, 129), torch.randn(30, 129)
    exact = np.array([[np.dot(x.astype(np.longdouble), y.astype(np.longdouble)) for y in b.numpy()] for x in a.numpy()])
    assert (np.abs(similarity(a, b).numpy() - exact) <= 2.0**-24 * np.abs(exact) * 1.001).all()


@pytest.mark.parametrize(
    ("queries", "gallery"),
    [(["a", "b"], ["b", "b", "c"]), (torch.tensor([0, 1]), torch.tensor([1, 1, 2])), (np.array([0, 1]), [1, 1, 2])],
    ids=["names", "tensors", "array and list"],
)
def test_same_group(queries, gallery):
    assert retrieval.same_group(queries, gallery).tolist() == [[False, False, False], [True, True, False]]


@pytest.mark.parametrize(
    ("scores", "relevant", "message"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3), bool), "no queries"),
        (np.array([[0.0, 0.0], [0.0, np.nan]]), np.eye(2, dtype=bool), "query 1 hold NaN"),
        (np.zeros((2, 2)), np.array([[True, False], [False, False]]), "query 1 has no relevant item"),
    ],
)
def test_undefined_questions_are_refused(scores, relevant, message):
    with pytest.raises(InputError, match=message):
        recall(scores, relevant)


def test_shapes_that_differ_are_refused_where_nothing_checks_types():
    with pytest.raises(InputError, match=r"scores \(2, 3\) and relevance \(2, 2\) must both be \(queries, gallery\)"):
        retrieval._refuse_undefined(torch.zeros(2, 3), torch.ones(2, 2, dtype=torch.bool))
