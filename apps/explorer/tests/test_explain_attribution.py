"""Attributions: completeness, symmetry, and causes that are known by construction."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_encoders.errors import InputError, UsageError
from comma_encoders.modalities.structure.parts import exchanged
from comma_encoders.modality import examples, names
from comma_encoders.model import AlignedModel
from comma_explorer.explain.attribution import (
    METHODS,
    TOLERANCE,
    attribute,
    gradients,
    masking,
    occlusion,
    removal,
    summed,
    swapping,
)
from comma_explorer.explain.explanation import Given, as_json, explain
from comma_explorer.explain.side import gate_scores, kept_scores, score, side
from torch import nn

methods = pytest.mark.parametrize("method", list(METHODS))
LATTICE = 4.2
SALT = {
    "numbers": np.array([12] * 4 + [8] * 4),
    "positions": LATTICE
    / 2
    * np.array([(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)], dtype=float),
    "cell": LATTICE * np.eye(3),
    "periodic": np.ones(3, dtype=bool),
}
PROTOCOL = ("Mix MgCO3 and TiO2 in ethanol.", "Dry.", "Calcine at 900 °C for 12 h.")


@pytest.fixture(scope="module")
def shipped():
    return AlignedModel.from_pretrained("comma-small")


def random_side(modality, value, seed=0):
    model = AlignedModel.create(modality, seed=seed).eval()
    other = nn.functional.normalize(torch.randn(model.dim, generator=torch.Generator().manual_seed(seed)), dim=0)
    return side(model, modality, value, other)


class Reads(nn.Module):
    """An encoder that knows one thing of a value; the rest of its vector is constant."""

    def __init__(self, thing):
        super().__init__()
        self.thing = thing
        self.idle = nn.Parameter(torch.zeros(()))  # a model is where its parameters are

    def forward(self, inputs):
        told = self.thing(inputs)
        return torch.stack([told, torch.ones_like(told)], dim=1)


def planted_side(modality, value, thing):
    """The similarity rises with what `thing` tells."""
    model = AlignedModel.create(modality, dim=2).eval()
    model.encoders[modality], model.heads[modality] = Reads(thing), nn.Identity()
    return side(model, modality, value, torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize("modality", names())
@pytest.mark.parametrize("seed", [0, 1])
def test_integrated_gradients_are_complete(modality, seed):
    value = PROTOCOL if modality == "text" else examples(modality, 3, seed)[-1]
    found = gradients(random_side(modality, value, seed))
    assert found.baseline is not None
    assert abs(found.values.sum() - (found.similarity - found.baseline)) <= TOLERANCE
    assert found.gap == pytest.approx(found.values.sum() - (found.similarity - found.baseline), abs=1e-6)


@pytest.mark.parametrize(
    ("modality", "value"), [("structure", SALT), ("text", PROTOCOL), ("composition", {"Mg": 1.0, "O": 1.0})]
)
def test_integrated_gradients_of_a_trained_model_are_complete(shipped, modality, value):
    asked = side(shipped, modality, value, shipped.encode("text", [PROTOCOL])[0])
    found = gradients(asked)
    assert abs(found.gap) <= TOLERANCE
    assert found.similarity == pytest.approx(score(asked), abs=1e-5)


def test_groups_of_gradients_are_the_sums_of_their_parts():
    found = gradients(random_side("text", PROTOCOL))
    assert list(found.groups) == ["1", "2", "3"]
    assert sum(found.groups.values()) == pytest.approx(found.values.sum())
    assert found.groups["1"] == pytest.approx(found.values[:6].sum())
    assert summed(np.array([1.0, 2.0]), ()) == {}


@methods
def test_equivalent_atoms_of_rock_salt_contribute_the_same(shipped, method):
    asked = side(shipped, "structure", SALT, shipped.encode("text", [PROTOCOL])[0])
    values = attribute(asked, method).values
    assert np.ptp(values[:4]) < 1e-4 > np.ptp(values[4:])
    assert abs(values[0] - values[4]) > 1e-3, "the two species are told apart"


@methods
def test_a_permutation_of_atoms_permutes_contributions(shipped, method):
    order = np.random.default_rng(0).permutation(8)
    crystal = examples("structure", 4)[0]
    order = np.random.default_rng(0).permutation(len(crystal["numbers"]))
    moved = {**crystal, **{k: crystal[k][order] for k in ("numbers", "positions", "charges") if k in crystal}}
    other = shipped.encode("text", [PROTOCOL])[0]
    before, after = (attribute(side(shipped, "structure", v, other), method).values for v in (crystal, moved))
    np.testing.assert_allclose(after, before[order], atol=1e-4)


def test_occlusion_finds_the_one_iron_atom():
    crystal = {**SALT, "numbers": np.array([12, 12, 26, 12, 8, 8, 8, 8])}

    def iron(inputs):
        found = (inputs["numbers"] == 26).float()
        return torch.zeros(int(inputs["count"])).index_add(0, inputs["structure"], found)

    values = removal(planted_side("structure", crystal, iron)).values
    assert values.argmax() == 2
    assert values[2] == pytest.approx(1 / np.sqrt(2), abs=1e-6)
    assert np.abs(np.delete(values, 2)).max() < 1e-6


@methods
def test_the_one_field_that_is_read_is_found(method):
    pixels = np.random.default_rng(0).random((96, 96))

    def field(inputs):
        return inputs["pixels"][:, 0, 24:36, 36:48].square().sum(dim=(1, 2))

    values = attribute(planted_side("image", {"pixels": pixels, "nm_per_pixel": None}, field), method).values
    assert np.abs(values).argmax() == 2 * 8 + 3
    assert np.abs(np.delete(values, 2 * 8 + 3)).max() < 1e-6


@methods
def test_the_one_peak_that_is_read_is_found(method):
    value = examples("xrd", 1)[0]
    asked = planted_side("xrd", value, lambda inputs: inputs["pattern"][:, 0, 320:336].sum(dim=1))
    values, extent = attribute(asked, method).values, asked.parts.extent
    place = int(np.abs(values).argmax())
    s = 0.1 + 320 * 0.82 / 1024
    assert extent[place, 0] == pytest.approx(2 * np.degrees(np.arcsin(s * value["wavelength"] / 2)), abs=1e-3)


def test_gradients_find_the_one_word_that_is_heard():
    from comma_encoders.modalities.text.tokenizer import tokenizer_of

    asked = random_side("text", PROTOCOL)
    encoder = asked.model.encoders["text"]
    with torch.no_grad():
        for parameter in (encoder.tokens.symbol.weight, encoder.tokens.number.linear.weight):
            parameter.zero_()
        encoder.tokens.symbol.weight[tokenizer_of(asked.model.configs["text"]).ids["dry"]] = 1.0 + torch.arange(128)
        encoder.elements.linear.weight.zero_()
        encoder.elements.network[-1].weight.zero_()
    values = np.abs(gradients(asked).values)
    assert asked.parts.labels[values.argmax()] == "Dry."
    assert np.sort(values)[-2] < 0.5 * values.max()


def test_occlusion_also_swaps_what_can_be_swapped():
    asked = random_side("structure", SALT)
    parts = [removal(asked), swapping(asked)]
    np.testing.assert_allclose(occlusion(asked).values, sum(part.values for part in parts) / 2)
    assert occlusion(asked).groups["Mg"] == pytest.approx(sum(part.groups["Mg"] for part in parts) / 2)
    words = random_side("text", PROTOCOL)
    np.testing.assert_allclose(occlusion(words).values, removal(words).values)
    iron = random_side("structure", {**SALT, "numbers": np.full(8, 26)})
    np.testing.assert_allclose(occlusion(iron).values, removal(iron).values)
    for left_out in (words, iron, random_side("xrd", examples("xrd", 1)[0])):
        np.testing.assert_allclose(swapping(left_out).values, removal(left_out).values)


def test_swapping_turns_an_atom_into_every_other_species():
    crystal = {**SALT, "numbers": np.array([12, 12, 26, 12, 8, 8, 8, 8])}
    asked = random_side("structure", crystal)

    def similar(places, *species):
        changed = [{**crystal, "numbers": crystal["numbers"].copy()} for _ in species]
        for one, z in zip(changed, species, strict=True):
            one["numbers"][places] = z
        return np.mean([float(z @ asked.other) for z in asked.model.encode("structure", changed)])

    found = swapping(asked)
    assert found.values[2] == pytest.approx(score(asked) - similar([2], 12, 8), abs=1e-6)
    assert found.values[5] == pytest.approx(score(asked) - similar([5], 12, 26), abs=1e-6)
    assert list(found.groups) == ["Mg", "Fe", "O"]
    assert found.groups["Mg"] == pytest.approx(score(asked) - similar([0, 1, 3], 26, 8), abs=1e-6)


def test_an_atom_that_is_swapped_brings_its_charge():
    charged = {**SALT, "charges": np.array([2.0] * 4 + [-2.0] * 4)}
    found = exchanged(charged, np.array([4, 1, 2, 3, 4, 5, 6, 7]))
    assert found["numbers"].tolist() == [8, 12, 12, 12, 8, 8, 8, 8]
    assert found["charges"].tolist() == [-2.0, 2.0, 2.0, 2.0, -2.0, -2.0, -2.0, -2.0]
    np.testing.assert_equal(found["positions"], SALT["positions"])


def test_masking_is_the_fading_of_one_part():
    asked = random_side("structure", SALT)
    gates = torch.ones(1, 8)
    gates[0, 3] = 0.0
    assert masking(asked).values[3] == pytest.approx(score(asked) - float(gate_scores(asked, gates)[0]), abs=1e-6)


def test_where_parts_cannot_be_faded_they_are_left_out():
    asked = random_side("text", PROTOCOL)
    foreign = replace(asked, parts=replace(asked.parts, faded=None))
    np.testing.assert_allclose(occlusion(foreign).values, removal(foreign).values)
    for method in (gradients, masking):
        with pytest.raises(UsageError, match="--method removal"):
            method(foreign)


def test_a_step_counts_as_a_whole_in_occlusion():
    asked = random_side("text", PROTOCOL)
    kept = torch.tensor([[group != "2" for group in asked.parts.groups]])
    assert removal(asked).groups["2"] == pytest.approx(score(asked) - float(kept_scores(asked, kept)[0]), abs=1e-6)


def test_what_is_all_there_is_contributes_everything():
    asked = random_side("composition", {"Fe": 1.0})
    assert removal(asked).values.tolist() == pytest.approx([score(asked)], abs=1e-6)


def test_both_sides_agree_on_the_similarity_and_it_is_the_models(shipped):
    a = Given(modality="structure", value=SALT, name="a")
    b = Given(modality="text", value=PROTOCOL, name="b")
    found = explain(shipped, a, b)
    assert found.similarity == pytest.approx(
        float(shipped.similarity({"structure": [SALT]}, {"text": [PROTOCOL]})), abs=1e-5
    )
    assert found.sides[1].attribution.similarity == pytest.approx(found.similarity, abs=1e-5)
    plain = as_json(found)
    assert [p["contribution"] for p in plain["sides"][0]["parts"]] == found.sides[0].attribution.values.tolist()
    assert plain["sides"][1]["by_step"].keys() == {"1", "2", "3"}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_explanation(shipped):
    a, b = Given(modality="structure", value=SALT, name="a"), Given(modality="text", value=PROTOCOL, name="b")
    assert as_json(explain(shipped, a, b, seed=3)) == as_json(explain(shipped, a, b, seed=3))
    assert as_json(explain(shipped, a, b, seed=3)) != as_json(explain(shipped, a, b, seed=4))


def test_the_model_keeps_its_mode_and_its_gradients(shipped):
    asked = side(shipped, "structure", SALT, shipped.encode("text", [PROTOCOL])[0])
    gradients(asked)
    assert not shipped.training
    assert all(p.grad is None for p in shipped.parameters())


def test_what_cannot_be_explained_is_refused(shipped, monkeypatch):
    other = torch.zeros(128)
    with pytest.raises(UsageError, match="has no modality 'image'"):
        side(shipped, "image", examples("image", 1)[0], other)
    with pytest.raises(UsageError, match="one of occlusion"):
        attribute(side(shipped, "structure", SALT, other), "magic")
    with pytest.raises(UsageError, match="one of occlusion"):
        explain(shipped, *[Given(modality="structure", value=SALT, name="a")] * 2, method="magic")
    with pytest.raises(InputError, match="at most 4096"):
        side(shipped, "text", ("word " * 5000,), other)
