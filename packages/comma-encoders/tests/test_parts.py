"""Parts of a value: with all of them it is the value, and each can be left out or faded."""

import numpy as np
import pytest
import torch
from comma_encoders.modality import examples, get, names
from hypothesis import given, settings
from hypothesis import strategies as st

every = pytest.mark.parametrize("name", names())
VARIED = {
    "structure": [
        {},
        {"composition": True},
        {"composition": True, "readout": "sum"},
        {"region": 4.0},
        {"properties": True},
    ],
    "text": [{}, {"materials": False}, {"max_tokens": 4, "max_steps": 3}],
    "image": [{}, {"view": "native"}],
    "xrd": [{}, {"kind": "transformer"}],
    "composition": [{}],
}
LONG = (
    "Mix 0.5 mol Li2CO3 and Fe2O3 in N2/H2.",
    "Dry.",
    "Heat at 1200-1300 °C, 5 °C/min, for 12 h.",
    "Dry.",
    "Sinter.",
)


def cases():
    for name in names():
        for options in VARIED.get(name, [{}]):
            for value in [*examples(name, 3), *([LONG] if name == "text" else [])]:
                yield pytest.param(name, options, value, id=f"{name} {options}")


def made(name, options, value):
    torch.manual_seed(0)
    config = get(name).Config(**options)
    encoder = get(name).Encoder(config).eval()
    return encoder, get(name).parts(value, config), encoder(get(name).collate([value], config))


@every
def test_every_modality_of_the_package_has_parts(name):
    value = examples(name, 1)[0]
    parts = get(name).parts(value, get(name).Config())
    assert len(parts) == len(parts.labels) > 0
    assert len(parts.groups) in {0, len(parts)}
    assert bool(parts.groups) == bool(parts.grouped)
    assert parts.extent is None or len(parts.extent) == len(parts)


@pytest.mark.parametrize(("name", "options", "value"), list(cases()))
def test_with_every_part_it_is_the_value(name, options, value):
    encoder, parts, vector = made(name, options, value)
    torch.testing.assert_close(encoder(parts.without(torch.ones(1, len(parts), dtype=torch.bool))), vector)
    torch.testing.assert_close(
        parts.faded(encoder, torch.ones(2, len(parts))), vector.expand(2, -1), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("name", "options", "value"), list(cases()))
def test_a_row_of_gates_does_not_see_the_others(name, options, value):
    encoder, parts, _ = made(name, options, value)
    gates = torch.rand(5, len(parts), generator=torch.Generator().manual_seed(1))
    alone = torch.cat([parts.faded(encoder, row[None]) for row in gates])
    torch.testing.assert_close(parts.faded(encoder, gates), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "options", "value"), list(cases()))
def test_what_is_left_out_or_faded_is_missed(name, options, value):
    encoder, parts, vector = made(name, options, value)
    gates = torch.ones(1, len(parts), requires_grad=True)
    (gradient,) = torch.autograd.grad(parts.faded(encoder, gates).square().sum(), gates)
    assert gradient.abs().max() > 0
    if len(parts) > 1:
        chosen = int(gradient[0].abs().argmax())
        kept = torch.arange(len(parts)) != chosen
        assert not torch.allclose(encoder(parts.without(kept[None])), vector, atol=1e-6)


@every
def test_the_value_is_left_alone(name):
    value, copy = examples(name, 1)[0], examples(name, 1)[0]
    parts = get(name).parts(value, get(name).Config())
    parts.without(torch.ones(1, len(parts), dtype=torch.bool))
    np.testing.assert_equal(value, copy)


def test_where_every_part_is_itself_it_is_the_value():
    from comma_encoders.modalities.structure.graph import collate

    config, value = get("structure").Config(), examples("structure", 1)[0]
    swapped = get("structure").parts(value, config).swapped
    found, wanted = swapped(torch.arange(len(value["numbers"]))[None]), collate([value], config)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor)


def test_a_vacancy_takes_its_charge_and_its_bonds_along():
    from comma_encoders.modalities.structure.parts import without

    water = {
        "numbers": np.array([1, 8, 1]),
        "positions": np.eye(3),
        "cell": np.zeros((3, 3)),
        "periodic": np.zeros(3, bool),
        "charges": np.array([0.5, -1.0, 0.5]),
        "bonds": np.array([[0, 1, 1.0], [1, 2, 1.0]]),
    }
    left = without(water, np.array([True, False, False]))
    assert left["numbers"].tolist() == [8, 1]
    assert left["charges"].tolist() == [-1.0, 0.5]
    assert left["bonds"].tolist() == [[0, 1, 1.0]]


def test_words_are_those_between_white_space_and_keep_their_step():
    parts = get("text").parts(("Mix  Li2CO3, dry.", "Heat."), get("text").Config())
    assert parts.labels == ("Mix", "Li2CO3,", "dry.", "Heat.")
    assert parts.groups == ("1", "1", "1", "2")


def test_words_that_are_not_read_count_for_nothing():
    options = {"max_steps": 1, "materials": False}
    encoder, parts, _ = made("text", options, ("Mix MgO.", "Heat CaO."))
    gates = torch.ones(1, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(parts.faded(encoder, gates).square().sum(), gates)
    assert (gradient[0] != 0).tolist() == [True, True, False, False]


@given(st.text(min_size=1, max_size=60))
@settings(max_examples=200)
def test_every_token_of_any_text_belongs_to_one_of_its_words(text):
    from comma_encoders.modalities.text.lexer import words
    from comma_encoders.modalities.text.tokenizer import tokenizer_of

    tokenizer = tokenizer_of(get("text").Config())
    owners = tokenizer.words(text)
    assert len(owners) == len(tokenizer.encode(text))
    assert list(owners) == sorted(owners)
    assert set(owners) == set(range(len(words(text))))


def test_elements_add_up_to_the_statistics():
    from comma_encoders.element_properties import property_table
    from comma_encoders.element_statistics import added, ward

    config = get("composition").Config()
    fractions = get("composition").collate([{"Ba": 1, "Ti": 1, "O": 3}], config)["fractions"]
    table = property_table()
    torch.testing.assert_close(added(fractions, table).sum(dim=0), ward(fractions, table)[0])


def test_angles_follow_the_wavelength():
    value = examples("xrd", 1)[0]
    config = get("xrd").Config()
    copper = get("xrd").parts(value, config)
    assert copper.extent[0, 0] == pytest.approx(2 * np.degrees(np.arcsin(0.1 * 1.54184 / 2)), abs=2)
    assert (np.diff(copper.extent, axis=1) > 0).all()
    assert copper.extent[-1, 1] <= 92


def test_only_what_was_measured_is_a_part():
    value = examples("xrd", 1)[0]
    half = {**value, "two_theta": value["two_theta"][:800], "intensity": value["intensity"][:800]}
    whole, part = (get("xrd").parts(v, get("xrd").Config()) for v in (value, half))
    assert len(part) < len(whole)
    assert part.extent[-1, 0] < 50


def test_fields_cover_the_square_in_the_middle():
    value = {"pixels": np.random.default_rng(0).random((64, 100)), "nm_per_pixel": None}
    extent = get("image").parts(value, get("image").Config()).extent
    assert len(extent) == 64
    assert extent.min(axis=0).tolist() == [0, 18, 8, 26]
    assert extent.max(axis=0).tolist() == [56, 74, 64, 82]


def test_words_of_a_foreign_encoder_can_only_be_left_out(tmp_path, monkeypatch):
    from comma_encoders.modalities.text import parts as text

    monkeypatch.setattr(text, "encoded", lambda *_: [])
    found = get("text").parts(LONG, get("text").Config(pretrained="some/encoder"))
    assert found.faded is None
