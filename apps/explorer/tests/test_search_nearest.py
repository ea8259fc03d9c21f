"""Exact search gives what comparing with every vector gives, whatever the vectors; approximate search what it says."""

from dataclasses import replace

import numpy as np
import pytest
from comma_encoders.retrieval import similarity
from comma_explorer.search import approximate, quantised
from comma_explorer.search.exact import brute_force
from comma_explorer.search.gallery import Gallery
from comma_explorer.search.manifest import Approximate
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def by_definition(vectors, query, k, allowed=None):
    """Cosines as the project defines them, ordered by score and then by row."""
    scores = similarity(tensor(query[None]), tensor(vectors)).numpy()[0]
    rows = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    order = rows[np.lexsort((rows, -scores[rows]))][:k]
    return order, scores[order]


@st.composite
def galleries(draw):
    """Vectors of many kinds: spread or in clusters, flat or in few directions, with rows that come again."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, dim = draw(st.integers(1, 1500)), draw(st.sampled_from([3, 8, 17, 64]))
    spread = (np.arange(dim) + 1.0) ** -draw(st.sampled_from([0.0, 0.7, 2.0]))
    centres = rng.standard_normal((draw(st.integers(1, 20)), dim))
    noise = draw(st.sampled_from([0.0, 1e-6, 0.1, 3.0]))
    x = (centres[rng.integers(0, len(centres), n)] + noise * rng.standard_normal((n, dim))) * spread
    vectors = unit(x)[rng.integers(0, n, n)]
    queries = unit(np.concatenate([rng.standard_normal((2, dim)), vectors[:1]]))
    return vectors, queries, rng


@settings(deadline=None, max_examples=40)
@given(galleries(), st.integers(1, 30), st.integers(1, 64))
def test_both_exact_ways_are_the_definition(case, k, prefix):
    vectors, queries, rng = case
    codes = quantised.make(vectors, queries, prefix=min(prefix, vectors.shape[1]))
    for allowed in (None, rng.random(len(vectors)) < 0.3):
        for query in queries:
            rows, scores = by_definition(vectors, query, k, allowed)
            for found in (
                brute_force(vectors, query, k, allowed),
                quantised.nearest(vectors, codes, query, k, allowed),
            ):
                assert found[0].tolist() == rows.tolist()
                assert found[1].tolist() == scores.tolist()


@settings(deadline=None, max_examples=40)
@given(galleries(), st.integers(1, 64))
def test_no_score_is_above_its_bound(case, prefix):
    vectors, queries, _ = case
    codes = quantised.make(vectors, queries, prefix=min(prefix, vectors.shape[1]))
    for query in queries:
        upper, _ = quantised._bounded(vectors, codes, query, 1, None)
        assert (upper >= vectors.astype(np.float64) @ query.astype(np.float64)).all()


def test_a_bound_that_is_too_low_loses_neighbours():
    """The law above can fail: without the error of the codes, true neighbours are left out."""
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((3000, 16)))
    codes = quantised.make(vectors, vectors[:8], prefix=8)
    blind = quantised.Codes(codes=codes.codes, bounds=codes.bounds * [1, 0, 0], axes=codes.axes)
    queries = unit(rng.standard_normal((50, 16)))
    assert all((quantised.nearest(vectors, codes, q, 10)[0] == brute_force(vectors, q, 10)[0]).all() for q in queries)
    assert any((quantised.nearest(vectors, blind, q, 10)[0] != brute_force(vectors, q, 10)[0]).any() for q in queries)


def test_equal_vectors_come_in_the_order_of_their_rows():
    vectors = np.repeat(unit(np.random.default_rng(0).standard_normal((3, 8))), 700, axis=0)
    codes = quantised.make(vectors, vectors[:1])
    assert brute_force(vectors, vectors[800], 5)[0].tolist() == [700, 701, 702, 703, 704]
    assert quantised.nearest(vectors, codes, vectors[800], 5)[0].tolist() == [700, 701, 702, 703, 704]


def test_vectors_in_few_directions_need_few():
    rng = np.random.default_rng(0)
    flat = unit(rng.standard_normal((20_000, 64)))
    few = unit(rng.standard_normal((20_000, 24)) @ rng.standard_normal((24, 64)) + 0.01 * flat)
    assert quantised.make(flat, flat[:32]).codes.shape[1] == 64
    assert quantised.make(few, few[:32]).codes.shape[1] == 32


@pytest.fixture(scope="module")
def graph():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((400, 32))
    drawn = unit(centres[rng.integers(0, 400, 20_600)] + 0.7 * rng.standard_normal((20_600, 32)))
    vectors, others = drawn[:20_000], drawn[20_000:]
    made = approximate.make(vectors, {"others": others[:256], "own": vectors[:256]}, own="own")
    return vectors, others[256:], made


def test_a_graph_finds_what_it_says(graph):
    vectors, queries, made = graph
    assert made.recall.keys() == {"others", "own"}
    assert all(approximate.GOAL <= share <= 1 for share in made.recall.values())
    true = [set(brute_force(vectors, q, 10)[0].tolist()) for q in queries]
    found = [set(approximate.nearest(vectors, made, q, 10)[0].tolist()) for q in queries]
    assert np.mean([len(a & b) / 10 for a, b in zip(true, found, strict=True)]) >= 0.98


def test_the_least_breadth_would_not_do(graph):
    """The breadth is chosen: with the least, neighbours are missed."""
    vectors, queries, made = graph
    least = replace(made, breadth=1)
    shares = [
        np.isin(approximate.nearest(vectors, least, q, 10)[0], brute_force(vectors, q, 10)[0]).mean() for q in queries
    ]
    assert made.breadth > approximate.BREADTHS[0]
    assert np.mean(shares) < approximate.GOAL


def test_vectors_for_which_a_graph_is_no_use_get_none(monkeypatch):
    monkeypatch.setattr(approximate, "BREADTHS", (16,))
    flat = unit(np.random.default_rng(0).standard_normal((4000, 64)))
    assert approximate.make(flat[:3900], {"others": flat[3900:]}) is None


@pytest.mark.parametrize("least", [1, 17, 300, 1024])
def test_the_least_breadth_that_finds_enough_is_taken(graph, least):
    made, asked = graph[2], []

    def tried(breadth):
        asked.append(breadth)
        return replace(made, breadth=breadth, recall={"a": 1.0, "b": 1.0 if breadth >= least else 0.5})

    found = approximate._least(tried)
    assert found.breadth == min(breadth for breadth in approximate.BREADTHS if breadth >= least) == asked[-1]
    assert approximate._least(lambda _: replace(made, recall={"a": 1.0, "b": 0.9})) is None


def test_the_same_vectors_make_the_same_graph(graph, tmp_path):
    vectors, others, made = graph
    again = approximate.make(vectors, {"others": others[:64]})
    for name, one in (("a", made), ("b", again)):
        approximate.save(one, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_scores_of_a_graph_are_exact(graph):
    vectors, queries, made = graph
    rows, scores = approximate.nearest(vectors, made, queries[0], 10)
    expected = dict(zip(*by_definition(vectors, queries[0], len(vectors)), strict=True))
    assert scores.tolist() == [expected[row] for row in rows]
    assert (np.diff(scores) <= 0).all()


def test_a_gallery_asks_its_graph_unless_it_has_to_be_exact(graph, tmp_path):
    vectors, queries, made = graph
    approximate.save(made, tmp_path / "x.faiss")
    rows = np.arange(len(vectors))
    near = Approximate(breadth=1, recall=made.recall)
    gallery = Gallery(vectors=vectors, rows=rows, start=0, graph=tmp_path / "x.faiss", near=near)
    allowed = np.random.default_rng(0).random(len(vectors)) < 0.5
    differ = 0
    for query in queries[:50]:
        found = gallery.nearest(query, 10, None, exact=False)[0].tolist()
        assert found == approximate.nearest(vectors, replace(made, breadth=1), query, 10)[0].tolist()
        true = brute_force(vectors, query, 10)[0].tolist()
        differ += found != true
        assert gallery.nearest(query, 10, None, exact=True)[0].tolist() == true
        some = gallery.nearest(query, 10, allowed, exact=False)[0].tolist()
        assert some == brute_force(vectors, query, 10, allowed)[0].tolist()
    assert differ
    assert len(gallery.nearest(queries[0], 15_000, None, exact=False)[0]) == 15_000  # more than a walk meets
