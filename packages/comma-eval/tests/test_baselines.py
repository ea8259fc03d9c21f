import numpy as np
import pytest
import torch
from comma_data.sample import Sample
from comma_encoders.retrieval import recall, same_group
from comma_eval.baselines import composition
from comma_eval.baselines.amounts import ElementAmounts, gives_amounts
from comma_eval.baselines.chance import Chance
from comma_eval.baselines.element_overlap import ElementOverlap
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import EmptyTaskError
from comma_eval.tasks.pool import pools


def text(*steps):
    return Sample(id="text", fields={"text": (steps,)}, groups={})


@pytest.fixture
def crystals(make_structure):
    symbols = [("Ba", "Ti", "O", "O", "O"), ("Ba", "O"), ("C", "N")]
    return [Sample(id="structure", fields={"structure": (make_structure(*s),)}, groups={}) for s in symbols]


TEXTS = [text("Start from BaCO3 and TiO2."), text("Start from BaCO3."), text("Calcined."), text("Start from ZrO2.")]


def test_overlap_is_the_jaccard_index(crystals):
    expected = [[1.0, 0.5, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    np.testing.assert_allclose(ElementOverlap().score(crystals, TEXTS), expected)


@pytest.mark.parametrize("scorer", [Chance(), ElementOverlap(), ElementAmounts()], ids=lambda s: type(s).__name__)
def test_both_directions_agree(scorer, crystals):
    np.testing.assert_allclose(scorer.score(crystals, TEXTS), scorer.score(TEXTS, crystals).T)


def test_amounts_tell_compositions_of_one_element_set_apart(make_structure):
    crystal = Sample(id="x", fields={"structure": (make_structure("Ba", "Ba", "Ti", "O", "O", "O", "O"),)}, groups={})
    told = [
        text("1 mol BaCO3, 1 mol TiO2."),
        text("2 mol BaCO3, 1 mol TiO2."),
        text("BaCO3 and TiO2."),
    ]
    overlap, amounts = ElementOverlap().score([crystal], told)[0], ElementAmounts().score([crystal], told)[0]
    assert overlap.tolist() == [1, 1, 1]
    np.testing.assert_allclose(amounts, [1 + 1 - 1 / 6, 2, 1])


def test_only_texts_with_moles_give_amounts():
    assert gives_amounts([text("2 mol BaCO3.")])
    assert not gives_amounts([text("BaCO3 at 900 °C.")])


def test_chance_is_constant(crystals):
    assert np.ptp(Chance().score(crystals, TEXTS)) == 0


def test_loss_of_vectors_that_are_all_alike_is_log_n():
    same = torch.eye(7, dtype=torch.bool)
    same[0, 1] = same[1, 0] = True
    z = torch.nn.functional.normalize(torch.ones(7, 4), dim=1)
    assert composition.loss(z, z, same).item() == pytest.approx(np.log(7), rel=1e-5)


def test_loss_takes_equal_shares_of_all_positives():
    torch.manual_seed(0)
    a, b = torch.nn.functional.normalize(torch.randn(2, 5, 3), dim=2)
    groups = np.array([0, 0, 1, 2, 2])
    rows = []
    for x, y in ((a, b), (b, a)):
        logits = (composition.INVERSE_TEMPERATURE * x @ y.T).numpy().astype(float)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        rows += [-log_p[i, groups == groups[i]].mean() for i in range(5)]
    same = torch.from_numpy(groups[:, None] == groups[None, :])
    assert composition.loss(a, b, same).item() == pytest.approx(np.mean(rows), rel=1e-5)


@pytest.mark.slow
def test_the_composition_model_learns_elements(perovskites):
    rng = np.random.default_rng(0)
    held_out = set(rng.choice(sorted({s.groups["formula"] for s in perovskites}), size=16, replace=False))
    train = [s for s in perovskites if s.groups["formula"] not in held_out]
    pool = pools([s for s in perovskites if s.groups["formula"] in held_out])
    scorer = EmbeddingScorer(embedder=composition.fit(train, steps=100))
    scores = scorer.score(pool.structures.samples, pool.gallery.samples)
    result = recall(scores, same_group(pool.structures.groups, pool.gallery.groups))
    assert result.at[1] > 0.5 > 5 * result.chance[1]


def test_the_composition_model_is_blind_to_the_cell(make_perovskite, perovskites):
    embedder = composition.fit(perovskites, steps=5)
    z = embedder.embed([make_perovskite("Ba", "Ti"), make_perovskite("Ba", "Ti", polymorph=3)])["structure"].z
    torch.testing.assert_close(z[0], z[1])


def test_fitting_repeats_exactly_and_leaves_the_global_seed_alone(perovskites):
    torch.manual_seed(5)
    first = composition.fit(perovskites[:20], steps=3)
    drawn = torch.rand(1)
    again = composition.fit(perovskites[:20], steps=3)
    torch.manual_seed(5)
    assert torch.rand(1) == drawn
    assert torch.equal(first.embed(perovskites[:4])["text"].z, again.embed(perovskites[:4])["text"].z)


def test_nothing_to_learn_from_is_said(crystals):
    with pytest.raises(EmptyTaskError, match="needs training samples"):
        composition.fit(crystals)
