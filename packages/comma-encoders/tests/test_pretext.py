"""What every pretext task promises, and what each of them hides."""

import numpy as np
import pytest
import torch
from comma_encoders.element_properties import property_table
from comma_encoders.element_statistics import ward
from comma_encoders.masking import chosen, mean_over
from comma_encoders.modalities.image.pretext import joined, mean_of_seen
from comma_encoders.modalities.structure.encoder import amounts
from comma_encoders.modalities.structure.pretext import NOISE, hidden, moved
from comma_encoders.modalities.text.pretext import behind
from comma_encoders.modalities.text.tokenizer import SPECIAL, tokenizer_of
from comma_encoders.modality import examples, get, names

TASKS = [name for name in names() if get(name).Pretext is not None]
VARIANTS = [
    *((name, {}) for name in TASKS),
    ("xrd", {"kind": "transformer"}),
    ("image", {"backbone": "test_resnet", "pixels": 90}),
    ("image", {"patch_drop": 0.5}),
    ("structure", {"region": 3.0, "readout": "mean"}),
    ("structure", {"composition": True}),
    ("structure", {"properties": True}),
]
every = pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=str)


def task(name, settings=(), count=6):
    """Encoder without dropout, task, and a batch of examples."""
    torch.manual_seed(0)
    config = get(name).Config(**dict(settings))
    encoder = get(name).Encoder(config).eval()
    return encoder, get(name).Pretext(encoder, config), get(name).collate(examples(name, count), config)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_a_formula_has_no_task():
    assert set(TASKS) == set(names()) - {"composition"}


@every
def test_losses_are_finite_and_reach_encoder_and_heads(name, settings):
    encoder, pretext, inputs = task(name, settings)
    encoder.train()
    losses = pretext(inputs, rng())
    assert losses
    for loss in losses.values():
        assert loss.shape == ()
        assert torch.isfinite(loss)
    sum(losses.values()).backward()
    assert [n for n, p in pretext.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    reached = [p.grad for p in encoder.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert len(reached) > len(list(encoder.parameters())) / 2
    assert all(torch.isfinite(g).all() for g in reached)


@every
def test_the_seed_decides(name, settings):
    _, pretext, inputs = task(name, settings)
    one, again, other = (pretext(inputs, rng(seed)) for seed in (1, 1, 2))
    assert same(one, again)
    assert not any(torch.equal(one[k], other[k]) for k in one)


@every
def test_the_seed_decides_alone(name, settings):
    _, pretext, inputs = task(name, settings)
    state = torch.get_rng_state()
    pretext(inputs, rng())
    assert torch.equal(state, torch.get_rng_state())


@every
def test_inputs_stay_as_they_are(name, settings):
    _, pretext, inputs = task(name, settings)
    copies = {k: v.clone() for k, v in inputs.items()}
    pretext(inputs, rng())
    assert same(inputs, copies)


@every
def test_heads_hold_nothing_of_the_encoder(name, settings):
    encoder, pretext, _ = task(name, settings)
    of_encoder = {id(p) for p in encoder.parameters()}
    assert not of_encoder & {id(p) for p in pretext.parameters()}
    assert len(pretext.state_dict()) == len(list(pretext.parameters()))
    assert encoder.training is False
    pretext.train()
    assert encoder.training is False


@every
def test_a_few_steps_lower_the_loss(name, settings):
    encoder, pretext, inputs = task(name, settings, count=3)
    encoder.train()  # batch normalisation with running means that nothing has set yet hardly learns
    optimizer = torch.optim.Adam([*encoder.parameters(), *pretext.parameters()], lr=5e-3)
    course = []
    for _ in range(15):
        losses = pretext(inputs, rng())
        course.append({k: v.item() for k, v in losses.items()})
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    for thing, first in course[0].items():
        assert course[-1][thing] < 0.8 * first, thing


def altered(name, inputs, targets):
    """The inputs with other content where it is hidden."""
    if name == "structure":
        numbers = torch.where(targets["masked"], inputs["numbers"] % 118 + 1, inputs["numbers"])
        return {**inputs, "numbers": numbers, "known": inputs["known"] + targets["masked"][:, None]}
    if name == "image":
        return {**inputs, "pixels": torch.where(targets["masked"], -inputs["pixels"] + 0.1, inputs["pixels"])}
    if name == "xrd":
        intensity, measured = inputs["pattern"].unbind(dim=1)
        return {"pattern": torch.stack([torch.where(targets["weight"] > 0, 1 - intensity, intensity), measured], dim=1)}
    covered = targets["picked"] & targets["covered"]
    there = covered[inputs["valued"]]
    magnitudes = torch.where(there, inputs["magnitudes"] + 1, inputs["magnitudes"])
    other = tokenizer_of(get("text").Config()).ids["calcine"]  # no unit, so that what is hidden stays the same
    return {**inputs, "ids": torch.where(covered, other, inputs["ids"]), "magnitudes": magnitudes}


@every
def test_what_is_hidden_does_not_leak(name, settings):
    _, pretext, inputs = task(name, settings)
    seen, targets = pretext.corrupted(inputs, rng(3))
    if name == "text":
        targets = {**targets, "covered": seen["ids"] != inputs["ids"]}
    changed = altered(name, inputs, targets)
    assert not same(inputs, changed)
    seen_again, other = pretext.corrupted(changed, rng(3))
    if name == "text":  # where a unit was hidden its number is hidden too, and no longer where there is none
        seen, seen_again = ({k: t[k] for k in ("ids", "lengths", "blocks")} for t in (seen, seen_again))
    assert same(seen, seen_again)
    assert not same({k: v for k, v in targets.items() if k != "covered"}, other)


# what is chosen


def test_an_exact_share_is_chosen_and_one_at_least():
    among = torch.ones(4, 20, dtype=torch.bool)
    among[1, 5:], among[2, 1:], among[3] = False, False, False
    picked = chosen(among, 0.4, rng())
    assert picked.sum(dim=1).tolist() == [8, 2, 1, 0]
    assert not (picked & ~among).any()


def test_a_mean_over_nothing_is_zero():
    assert mean_over(torch.ones(3), torch.zeros(3)) == 0
    assert mean_over(torch.tensor([1.0, 3.0, 9.0]), torch.tensor([1, 1, 0])) == 2


# structures


def turned(inputs, rotation):
    return {**inputs, "vector": inputs["vector"] @ rotation.T}


def test_the_predicted_noise_turns_with_the_structure():
    _, pretext, inputs = task("structure")
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=rng()))[0]
    noise = torch.randn(len(inputs["numbers"]), 3, generator=rng())
    seen, targets = pretext.corrupted(inputs, rng())
    one, species, whole = pretext.predicted(moved(inputs, NOISE * noise))
    other, same_species, same_whole = pretext.predicted(moved(turned(inputs, rotation), NOISE * noise @ rotation.T))
    assert one.norm(dim=1).max() > 1e-2
    torch.testing.assert_close(one @ rotation.T, other, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(species, same_species, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(whole, same_whole, rtol=1e-3, atol=1e-4)
    losses = pretext.losses(seen, targets)
    of_turned = pretext.losses(turned(seen, rotation), {**targets, "noise": targets["noise"] @ rotation.T})
    torch.testing.assert_close(losses, of_turned, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("composition", [False, True])
def test_the_whole_is_asked_for_with_its_hidden_atoms(composition):
    """The statistics are those of all atoms, as by hand; what is seen of the composition lacks the hidden ones."""
    _, pretext, _ = task("structure", {"composition": composition})
    config = get("structure").Config(composition=composition)
    cell = {"positions": 2.0 * np.arange(12.0).reshape(4, 3), "cell": np.eye(3) * 30.0, "periodic": [True] * 3}
    inputs = get("structure").collate([{**cell, "numbers": [11, 11, 11, 17]}], config)
    fractions = torch.zeros(1, 118)
    fractions[0, 10], fractions[0, 16] = 0.75, 0.25
    by_hand = ward(fractions, property_table())
    for seed in range(5):
        seen, targets = pretext.corrupted(inputs, rng(seed))
        torch.testing.assert_close(targets["whole"], by_hand)
        assert amounts(seen).sum() == (seen["numbers"] > 0).sum() == 3
        assert torch.isfinite(pretext.losses(seen, targets)["statistics"])


def test_a_hidden_species_is_told_by_no_charge():
    _, _, inputs = task("structure")
    charged = {**inputs, "known": torch.ones_like(inputs["known"])}
    masked = torch.arange(len(inputs["numbers"])) % 3 == 0
    assert torch.equal(hidden(charged, masked)["known"][:, 0] == 0, masked)


def test_moved_edges_are_those_of_moved_atoms():
    config = get("structure").Config()
    value = {"numbers": [11, 17], "positions": np.array([[0, 0, 0], [2.8, 0, 0]]), "cell": np.eye(3) * 5.6}
    value |= {"periodic": [True] * 3}
    noise = torch.tensor([[0.01, 0.0, -0.02], [0.0, 0.03, 0.01]])
    inputs = get("structure").collate([value], config)
    by_hand = get("structure").collate([{**value, "positions": value["positions"] + noise.numpy()}], config)
    by_pretext = moved(inputs, noise)
    assert torch.equal(by_pretext["source"], by_hand["source"])
    torch.testing.assert_close(by_pretext["vector"], by_hand["vector"], rtol=0, atol=1e-6)


def test_moving_all_atoms_alike_is_not_asked_for():
    _, pretext, inputs = task("structure")
    together = torch.ones(len(inputs["numbers"]), 3)
    torch.testing.assert_close(moved(inputs, together)["vector"], inputs["vector"])
    noise = pretext.corrupted(inputs, rng())[1]["noise"]
    sums = torch.zeros(int(inputs["count"]), 3).index_add(0, inputs["structure"], noise)
    torch.testing.assert_close(sums, torch.zeros_like(sums), rtol=0, atol=1e-5)


def test_regions_move_with_their_atoms():
    _, _, inputs = task("structure", {"region": 3.0})
    together = torch.ones(len(inputs["numbers"]), 3)
    torch.testing.assert_close(moved(inputs, together)["far_vector"], inputs["far_vector"])
    apart = moved(inputs, torch.randn(len(inputs["numbers"]), 3, generator=rng()))
    assert not torch.equal(apart["far_vector"], inputs["far_vector"])


def test_no_atom_has_the_hidden_species():
    inputs = task("structure")[2]
    masked = torch.zeros(len(inputs["numbers"]), dtype=torch.bool)
    masked[2] = True
    assert (hidden(inputs, masked)["numbers"] == 0).nonzero().tolist() == [[2]]
    assert inputs["numbers"].min() > 0


@pytest.mark.parametrize("numbers", [[11], [11, 17]])
def test_atoms_alone_are_finite(numbers):
    encoder, pretext, _ = task("structure")
    apart = {"numbers": numbers, "positions": 50.0 * np.eye(3)[: len(numbers)], "cell": np.zeros((3, 3))}
    inputs = get("structure").collate([{**apart, "periodic": [False] * 3}], get("structure").Config())
    assert len(inputs["source"]) == 0
    losses = pretext(inputs, rng())
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(p.grad is None or torch.isfinite(p.grad).all() for m in (encoder, pretext) for p in m.parameters())


def test_one_atom_in_a_cell_has_no_noise():
    _, pretext, _ = task("structure")
    value = {"numbers": [29], "positions": np.zeros((1, 3)), "cell": np.eye(3) * 2.5, "periodic": [True] * 3}
    assert pretext(get("structure").collate([value], get("structure").Config()), rng())["noise"] < 1e-8


# texts


def test_tokens_are_covered_in_the_usual_shares():
    _, pretext, inputs = task("text", count=300)
    seen, targets = pretext.corrupted(inputs, rng())
    special = torch.tensor(pretext.symbols.special)
    before, after = inputs["ids"][targets["picked"]], seen["ids"][targets["picked"]]
    words = ~torch.isin(inputs["ids"], special)
    assert targets["picked"].sum() == round(0.15 * int(words.sum()))
    assert not torch.isin(before, special).any()
    assert torch.equal(before, targets["tokens"])
    assert (after == pretext.symbols.mask).float().mean() == pytest.approx(0.8, abs=0.05)
    assert (after == before).float().mean() == pytest.approx(0.1, abs=0.04)
    assert torch.equal(inputs["ids"][~targets["picked"]], seen["ids"][~targets["picked"]])


def test_no_value_stands_at_or_before_what_would_tell_of_it():
    _, pretext, inputs = task("text", count=300)
    covered = (seen := pretext.corrupted(inputs, rng())[0])["ids"] != inputs["ids"]
    assert covered[inputs["valued"]].any()
    assert not covered[seen["valued"]].any()
    ids = tokenizer_of(get("text").Config()).ids
    degrees = covered & (inputs["ids"] == ids["[°C]"])
    assert degrees.any()
    assert not torch.isin(seen["valued"], degrees.nonzero()[:, 0] - 1).any()
    assert 0.5 * len(inputs["valued"]) < len(seen["valued"])


def hidden_places(seed, step):
    """Where chance covers a token of a step, and what is left of it and of its values."""
    _, pretext, _ = task("text")
    inputs = get("text").collate([(step,)], get("text").Config())
    seen, targets = pretext.corrupted(inputs, rng(seed))
    covered = targets["picked"] & (seen["ids"] != inputs["ids"])
    return covered.tolist(), [seen[k].tolist() for k in ("ids", "valued", "magnitudes", "kinds")]


def test_a_hidden_unit_is_told_by_no_value():
    steps = [f"Heat the powder slowly at 850 {unit} and then cool it." for unit in ("°C", "h", "MPa")]
    place = 6
    seeds = [seed for seed in range(60) if hidden_places(seed, steps[0])[0][place]]
    assert seeds
    for seed in seeds:
        one, *others = (hidden_places(seed, step)[1] for step in steps)
        assert all(other == one for other in others)


def test_a_text_of_unknown_symbols_asks_for_nothing():
    _, pretext, _ = task("text")
    inputs = get("text").collate([("Mix them",)], get("text").Config())
    inputs["ids"][:] = SPECIAL.index("[UNK]")
    loss = pretext(inputs, rng())["tokens"]
    assert loss == 0
    loss.backward()


def test_behind_looks_a_few_places_ahead():
    covered = torch.tensor([0, 0, 0, 1, 0, 0], dtype=torch.bool)
    assert behind(covered, 2).tolist() == [False, True, True, False, False, False]


def test_no_text_holds_the_mask():
    tokenizer = tokenizer_of(get("text").Config())
    assert tokenizer.ids["[MASK]"] not in [i for i, _ in tokenizer.encode("A [MASK] of MASK and [mask].")]


# pictures


def test_squares_are_filled_with_the_mean_of_the_rest():
    pixels = torch.arange(16.0).view(1, 1, 4, 4)
    assert mean_of_seen(pixels, pixels >= 8).tolist() == [[[[3.5]]]]
    _, pretext, inputs = task("image")
    seen, targets = pretext.corrupted(inputs, rng())
    masked, mean = targets["masked"], mean_of_seen(inputs["pixels"], targets["masked"])
    assert torch.equal(seen["pixels"][~masked], inputs["pixels"][~masked])
    assert torch.equal(seen["pixels"][masked], mean.expand_as(masked)[masked])
    torch.testing.assert_close(targets["pixels"] + mean, inputs["pixels"])


def test_blocks_are_joined_in_their_places():
    picture = torch.arange(36.0).view(6, 6)
    blocks = picture.unfold(0, 3, 3).unfold(1, 3, 3).reshape(1, 2, 2, 9)
    assert torch.equal(joined(blocks, 6)[0, 0], picture)
    assert torch.equal(joined(blocks, 5)[0, 0], picture[:5, :5])


@pytest.mark.parametrize("pixels", [96, 90])
def test_half_of_a_picture_is_hidden(pixels):
    _, pretext, inputs = task("image", {"backbone": "test_resnet", "pixels": pixels})
    masked = pretext.corrupted(inputs, rng())[1]["masked"]
    assert masked.shape == inputs["pixels"].shape
    share = masked.float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(share, torch.full_like(share, 0.5), rtol=0, atol=0.0 if pixels == 96 else 0.05)
    assert not torch.equal(masked[0], masked[1])


def test_patches_are_dropped_again_after_the_task():
    encoder, pretext, inputs = task("image", {"patch_drop": 0.5})
    encoder.train()
    pretext(inputs, rng())
    assert encoder.backbone.patch_drop.training


# patterns


def test_only_what_was_measured_counts():
    _, pretext, inputs = task("xrd")
    pattern = inputs["pattern"].clone()
    pattern[0, :, :512] = 0
    seen, targets = pretext.corrupted({"pattern": pattern}, rng())
    assert not targets["weight"][0, :512].any()
    gone = targets["weight"] > 0
    assert gone.any(dim=1).all()
    assert not seen["pattern"].transpose(1, 2)[gone].any()
    assert torch.equal(seen["pattern"].transpose(1, 2)[~gone], pattern.transpose(1, 2)[~gone])


@pytest.mark.parametrize("kind", ["resnet", "transformer"])
def test_hidden_stretches_are_told_apart(kind):
    _, pretext, inputs = task("xrd", {"kind": kind})
    seen, targets = pretext.corrupted(inputs, rng())
    torch.nn.init.zeros_(pretext.whole.weight)
    hidden_bins = targets["weight"] > 0
    assert pretext.predicted(seen)[hidden_bins].unique().numel() > 0.9 * hidden_bins.sum()
