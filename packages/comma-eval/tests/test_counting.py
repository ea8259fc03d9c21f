"""What both sides name, counted beside a learned similarity."""

from dataclasses import replace

import numpy as np
import pytest
from comma_eval.baselines.amounts import ElementAmounts
from comma_eval.counting import Counting
from comma_eval.errors import UsageError
from comma_eval.tasks.synthesis import Synthesis


class Noise:
    """Scores by nothing, always the same."""

    def score(self, queries, gallery):
        return np.random.default_rng(0).random((len(queries), len(gallery))).astype(np.float32)


class Nothing:
    """An embedder of which no vector is asked."""

    def embed(self, samples):
        raise AssertionError(samples)


def sides(samples):
    structures = [replace(s, fields={"structure": s.fields["structure"]}) for s in samples]
    texts = [replace(s, fields={"text": s.fields["text"][:1]}) for s in samples]
    return structures, texts


def test_the_count_is_added(perovskites):
    structures, texts = sides(perovskites[:6])
    both = Counting(scorer=Noise(), weight=0.5).score(structures, texts)
    apart = Noise().score(structures, texts) + 0.5 * ElementAmounts().score(structures, texts)
    np.testing.assert_allclose(both, apart)


def test_texts_that_name_nothing_are_ordered_by_the_model_alone(perovskites):
    structures, texts = sides(perovskites[:6])
    mute = [replace(t, fields={"text": (("Heated at 900 °C.",),)}) for t in texts]
    found = Counting(scorer=Noise(), weight=5.0).score(structures, mute)
    assert (found.argsort(axis=1) == Noise().score(structures, mute).argsort(axis=1)).all()


def test_a_weight_makes_a_model_that_knows_nothing_count(perovskites, quick_fit):
    found = {}
    for weight in (0.0, 100.0):
        task = Synthesis(view="amounts", counting=weight)
        counting = Counting(scorer=Noise(), weight=weight) if weight else Noise()
        rows = task.run({"ours": counting}, perovskites[:10], perovskites).rows
        asked = [r for r in rows if r.metric == "R@1" and r.labels["direction"] == "structure -> protocol"]
        found[weight] = {
            r.labels["model"]: r.value for r in asked if set(r.labels) == {"direction", "model", "pool", "view"}
        }
    assert found[100.0]["ours"] == found[100.0]["element overlap + amounts"] > 0.5 > found[0.0]["ours"]


def test_the_task_counts_where_it_is_asked_to():
    assert isinstance(Synthesis(counting=0.5).model_of(Nothing()), Counting)
    assert not isinstance(Synthesis().model_of(Nothing()), Counting)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(UsageError, match="counting"):
        Synthesis(counting=weight)
