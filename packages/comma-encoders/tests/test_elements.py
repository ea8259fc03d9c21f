import numpy as np
import pytest
import torch
from comma_encoders.elements import COUNT, LEVELS, VOLATILE, features
from comma_encoders.modalities.text.formulas import ELEMENTS
from comma_encoders.modalities.text.materials import amounts
from comma_encoders.modality import get
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

some = st.dictionaries(st.integers(0, COUNT - 1), st.floats(0.01, 100), min_size=1, max_size=6)


def row(found):
    out = torch.zeros(1, COUNT)
    for column, amount in found.items():
        out[0, column] = amount
    return out


def read(*steps):
    return {ELEMENTS[column]: amount for column, amount in amounts(steps).items()}


@given(some, st.floats(0.1, 10))
def test_only_ratios_count(found, factor):
    assert torch.allclose(features(row(found)), features(factor * row(found)), atol=1e-6)


@given(some)
def test_squares_are_fractions(found):
    whole, kept = features(row(found)).square().split(COUNT, dim=1)[:2]
    assert whole.sum() == pytest.approx(1, abs=1e-5)
    assert float(kept.sum()) == pytest.approx(1, abs=1e-5) or not kept.any()
    assert not kept[0, [z - 1 for z in VOLATILE]].any()


def test_fractions_that_differ_a_little_are_near_other_levels():
    """BaY2O4 and Ba3Y4O9: the plain features are nearly those of one material, the fine ones are not."""
    a, b = (features(row({55: ba, 38: y, 7: 1.0}))[0].split([2 * COUNT, LEVELS * COUNT]) for ba, y in ((1, 2), (3, 4)))
    plain, fine = (float(cosine_similarity(x, y, dim=0)) for x, y in zip(a, b, strict=True))
    assert plain > 0.98
    assert fine < 0.7


def test_every_element_that_is_kept_has_its_levels():
    _, fine = features(row({55: 1.0, 7: 3.0}))[0].split([2 * COUNT, LEVELS * COUNT])
    assert fine.unflatten(0, (LEVELS, COUNT)).sum(dim=0).nonzero().flatten().tolist() == [55]


def test_without_elements_all_is_zero():
    assert not features(torch.zeros(2, COUNT)).any()


@pytest.mark.parametrize(
    ("steps", "elements"),
    [
        (("Mixed Li2CO3 and Fe2O3.",), {"Li": 2, "C": 1, "O": 6, "Fe": 2}),
        (("Mixed 0.5 mol Li2CO3 and 2 mol of FeO.",), {"Li": 1, "C": 0.5, "O": 3.5, "Fe": 2}),
        (("Start from TiO2.", "Amounts: 2 mmol TiO2."), {"Ti": 0.002, "O": 0.004}),
        (("Li1-xCoO2 was ground.",), {"Li": 1, "Co": 1, "O": 2}),
        (("Heated at 850 °C for 5 h.",), {}),
        (("Heated [compound] at 850 K.",), {}),
        (("10 h in N2",), {"N": 2}),
    ],
)
def test_materials_of_a_protocol(steps, elements):
    assert read(*steps) == pytest.approx(elements)


def test_a_crystal_and_a_text_of_its_formula_are_made_of_the_same():
    text = get("text").collate([("Mixed 1 mol SrO and 1 mol TiO2.",)], get("text").Config())["amounts"]
    crystal = row({37: 1, 21: 1, 7: 3})
    assert torch.allclose(features(text), features(crystal))


@pytest.mark.parametrize(
    ("steps", "known"),
    [
        (("Mixed 1 mol SrO and 1 mol TiO2.",), True),
        (("Mixed SrO and TiO2.", "Amounts: 1 mol SrO, 1 mol TiO2."), True),
        (("Mixed SrO and TiO2.",), False),
        (("Crystals of SrTiO3 were grown.",), True),
        (("Heated at 850 °C.",), True),
    ],
)
def test_ratios_that_are_known_are_read_apart_from_others(steps, known):
    """Precursors that nobody weighed out are counted by formula units, which tells little."""
    inputs = get("text").collate([steps], get("text").Config())
    assert inputs["ratios_known"].tolist() == [known]
    elements = get("text").Encoder(get("text").Config()).elements.eval()
    before = elements(inputs["amounts"], inputs["ratios_known"])
    torch.nn.init.zeros_(elements.guessed.weight)
    after = elements(inputs["amounts"], inputs["ratios_known"])
    assert torch.equal(before, after) == known


def test_a_crystal_can_be_read_past_the_messages():
    kind = get("structure")
    config = kind.Config(composition=True)
    encoder = kind.Encoder(config)
    batch = kind.collate([kind.example(np.random.default_rng(seed)) for seed in (0, 1)], config)
    encoder(batch).sum().backward()
    assert encoder.elements.network[0].weight.grad.any()


def test_a_text_model_that_does_not_state_it_was_made_without():
    config = get("text").Config(**get("text").Config.BEFORE)
    assert get("text").Encoder(config).elements is None


def test_atoms_that_carry_properties_of_their_element_are_like_those_of_its_group_from_the_start():
    torch.manual_seed(0)
    told, plain = (get("structure").Encoder(get("structure").Config(properties=on)) for on in (True, False))
    cl, br, ba = (torch.tensor([number]) for number in (17, 35, 56))

    @torch.no_grad()
    def ratio(encoder):
        return float((encoder.of(cl) - encoder.of(br)).norm() / (encoder.of(cl) - encoder.of(ba)).norm())

    assert ratio(told) < 0.6
    assert ratio(plain) > 0.8


def test_a_hidden_species_has_no_properties():
    encoder = get("structure").Encoder(get("structure").Config(properties=True))
    hidden = torch.tensor([0])
    assert torch.equal(encoder.of(hidden), encoder.species(hidden))


def test_properties_are_saved_with_the_weights():
    """So that another version of the table changes no vector."""
    config = get("structure").Config(properties=True)
    saved = get("structure").Encoder(config).state_dict()
    saved["table"] += 1.0
    encoder = get("structure").Encoder(config)
    encoder.load_state_dict(saved)
    assert torch.equal(encoder.table, saved["table"])
