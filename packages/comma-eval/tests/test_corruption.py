import pytest
from comma_eval.errors import UsageError
from comma_eval.tasks.corruption import KINDS, corrupted
from comma_eval.tasks.pool import bare, pools
from comma_eval.tasks.synthesis import Synthesis
from hypothesis import given
from hypothesis import strategies as st

LENGTHS = st.lists(st.integers(1, 12), min_size=2, max_size=6)


def pool_of(lengths, groups=None):
    """A pool whose protocols have so many steps, each step with a name of its own."""
    triples = [
        (groups[i] if groups else f"F{i}", f"recipe {i}", tuple(f"{i}.{place}" for place in range(length)))
        for i, length in enumerate(lengths)
    ]
    pool = pools([])
    return type(pool)(**{**vars(pool), "protocols": bare("text", triples), "gallery": bare("text", triples[:1])})


def texts(side):
    return [sample.fields["text"][0] for sample in side.samples]


@given(lengths=LENGTHS, share=st.floats(0, 1))
def test_what_is_left_keeps_its_order_and_something_is_always_left(lengths, share):
    pool = pool_of(lengths)
    for before, after in zip(texts(pool.protocols), texts(corrupted(pool, share, "drop").protocols), strict=True):
        assert after
        assert [step for step in before if step in after] == list(after)


@given(lengths=LENGTHS, small=st.floats(0, 1), large=st.floats(0, 1))
def test_what_is_gone_at_a_small_share_is_gone_at_a_large_one(lengths, small, large):
    small, large = sorted((small, large))
    pool = pool_of(lengths)
    few, many = (texts(corrupted(pool, share, "drop").protocols) for share in (small, large))
    assert all(set(b) <= set(a) for a, b in zip(few, many, strict=True))


@given(lengths=LENGTHS, share=st.floats(0, 1))
def test_swapped_steps_are_those_that_would_be_dropped_and_come_from_other_formulas(lengths, share):
    pool = pool_of(lengths)
    dropped, swapped = (texts(corrupted(pool, share, kind).protocols) for kind in KINDS)
    for number, (before, left, after) in enumerate(zip(texts(pool.protocols), dropped, swapped, strict=True)):
        assert len(after) == len(before)
        assert [step for step in after if step in before] == list(left)
        assert not any(step.startswith(f"{number}.") for step in set(after) - set(before))


@pytest.mark.parametrize("kind", KINDS)
def test_about_the_share_is_corrupted(kind):
    pool = pool_of([12] * 200)
    after = texts(corrupted(pool, 0.3, kind).protocols)
    kept = sum(step.startswith(f"{number}.") for number, told in enumerate(after) for step in told)
    assert 0.67 < kept / 2400 < 0.73


def test_the_gallery_and_the_queries_are_corrupted_alike():
    pool = corrupted(pool_of([9, 9]), 0.5, "drop")
    assert texts(pool.gallery) == texts(pool.protocols)[:1]


def test_there_have_to_be_other_formulas_to_swap_with():
    with pytest.raises(UsageError, match="there is none"):
        corrupted(pool_of([9, 9], ["A", "A"]), 1.0, "swap")


@pytest.mark.parametrize(("options", "fault"), [({"corrupted": 1.5}, "share"), ({"corruption": "melt"}, "unknown")])
def test_what_cannot_be_done_is_refused(options, fault):
    with pytest.raises(UsageError, match=fault):
        Synthesis(**options)


def test_lost_steps_cost_recall(perovskites, quick_fit):
    found = {}
    for share in (0.0, 0.9):
        report = Synthesis(corrupted=share, corruption="swap").run({}, perovskites[:10], perovskites)
        wanted = {"model": "element overlap", "direction": "structure -> protocol"}
        (row,) = (r for r in report.rows if r.metric == "R@1" and wanted.items() <= r.labels.items())
        found[share] = row.value
        assert ("steps corrupted (swap)" in report.facts) == (share > 0)
    assert found[0.9] < found[0.0]
