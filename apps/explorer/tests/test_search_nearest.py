"""Exact search gives what comparing with every vector gives, whatever the vectors; approximate search what it says."""

import shutil
from dataclasses import replace

import faiss
import numpy as np
import pytest
from comma_encoders.retrieval import similarity
from comma_explorer.search import approximate, quantised
from comma_explorer.search.errors import DamagedIndexError
from comma_explorer.search.exact import brute_force
from comma_explorer.search.gallery import opened
from comma_explorer.search.manifest import Approximate, Modality
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


@settings(max_examples=40)
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


@settings(max_examples=40)
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
def lists():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((400, 32))
    drawn = unit(centres[rng.integers(0, 400, 20_600)] + 0.7 * rng.standard_normal((20_600, 32)))
    vectors, others = drawn[:20_000], drawn[20_000:]
    made = approximate.make(vectors, {"others": others[:256], "own": vectors[:256]}, own="own")
    return vectors, others[256:], made


def test_lists_find_what_they_say(lists):
    vectors, queries, made = lists
    assert made.recall.keys() == {"others", "own"}
    assert all(approximate.GOAL <= share <= 1 for share in made.recall.values())
    true = [set(brute_force(vectors, q, 10)[0].tolist()) for q in queries]
    found = [set(approximate.nearest(vectors, made, q, 10)[0].tolist()) for q in queries]
    assert np.mean([len(a & b) / 10 for a, b in zip(true, found, strict=True)]) >= 0.98


def test_one_probe_would_not_do(lists):
    """The probes are chosen: with one, neighbours are missed."""
    vectors, queries, made = lists
    one = replace(made, probes=1)
    hits = [np.isin(approximate.nearest(vectors, one, q, 10)[0], brute_force(vectors, q, 10)[0]).sum() for q in queries]
    assert made.probes > 1
    assert np.mean(hits) / 10 < approximate.GOAL


def test_vectors_for_which_lists_are_no_use_get_none(monkeypatch):
    monkeypatch.setattr(approximate, "CANDIDATES", (16,))
    flat = unit(np.random.default_rng(0).standard_normal((4000, 64)))
    assert approximate.make(flat[:3900], {"others": flat[3900:]}) is None


@pytest.mark.parametrize("least", [1, 5, 24, 100])
def test_the_fewest_probes_that_find_enough_are_taken(lists, least):
    made = lists[2]

    def tried(probes, candidates):
        return replace(made, probes=probes, candidates=candidates, recall={"a": 1.0 if probes >= least else 0.5})

    ladder = list(approximate._ladder(128))
    found = approximate._fewest_probes(128, 64, tried)
    assert found.probes == min(probes for probes in ladder if probes >= least)
    assert found.recall == {"a": 1.0}
    assert approximate._fewest_probes(64, 64, lambda *_: replace(made, recall={"a": 0.9})) is None


def test_scores_of_lists_are_exact(lists):
    vectors, queries, made = lists
    rows, scores = approximate.nearest(vectors, made, queries[0], 10)
    expected = dict(zip(*by_definition(vectors, queries[0], len(vectors)), strict=True))
    assert scores.tolist() == [expected[row] for row in rows]
    assert (np.diff(scores) <= 0).all()


def on_disk(vectors, made, folder):
    """A gallery of files."""
    np.save(folder / "x.npy", vectors)
    approximate.save(made, folder / "x.faiss")
    near = Approximate(lists=made.number, probes=made.probes, candidates=made.candidates, recall=made.recall)
    told = Modality(values=len(vectors), found=len(vectors), refused=0, approximate=near)
    return opened(folder, "x", told, np.arange(len(vectors)), 0)


def test_an_index_that_is_built_again_does_not_reach_what_is_open(lists, tmp_path):
    """Its lists name rows of its own vectors, which are others."""
    vectors, queries, made = lists
    (tmp_path / "index").mkdir()
    gallery = on_disk(vectors, made, tmp_path / "index")
    before = [gallery.nearest(query, 10, None, exact=False)[0].tolist() for query in queries[:20]]
    shutil.rmtree(tmp_path / "index")
    (tmp_path / "index").mkdir()
    again = vectors[np.random.default_rng(1).permutation(len(vectors))]
    on_disk(again, approximate.make(again, {"others": queries}), tmp_path / "index")
    assert [gallery.nearest(query, 10, None, exact=False)[0].tolist() for query in queries[:20]] == before
    shutil.rmtree(tmp_path / "index")
    assert gallery.nearest(queries[0], 10, None, exact=False)[0].tolist() == before[0]


def test_a_gallery_asks_its_lists_unless_it_has_to_be_exact(lists, tmp_path):
    vectors, queries, made = lists
    gallery = on_disk(vectors, replace(made, probes=4), tmp_path)
    allowed = np.random.default_rng(0).random(len(vectors)) < 0.5
    differ = 0
    for query in queries[:50]:
        found = gallery.nearest(query, 10, None, exact=False)[0].tolist()
        assert found == approximate.nearest(vectors, replace(made, probes=4), query, 10)[0].tolist()
        true = brute_force(vectors, query, 10)[0].tolist()
        differ += found != true
        assert gallery.nearest(query, 10, None, exact=True)[0].tolist() == true
        some = gallery.nearest(query, 10, allowed, exact=False)[0].tolist()
        assert some == brute_force(vectors, query, 10, allowed)[0].tolist()
    assert differ
    assert len(gallery.nearest(queries[0], 15_000, None, exact=False)[0]) == 15_000  # more than one list holds


def test_lists_of_another_kind_are_refused(tmp_path):
    faiss.write_index(faiss.IndexFlatIP(4), str(tmp_path / "x.faiss"))
    with pytest.raises(DamagedIndexError, match="lists of another kind; build the index again"):
        approximate.opened(tmp_path / "x.faiss")


@pytest.mark.parametrize(("vectors", "lists"), [(1, 4), (50_000, 1024), (1_000_000, 4096)])
def test_lists_grow_with_the_root_of_the_vectors(vectors, lists):
    assert approximate.lists_for(vectors) == lists
