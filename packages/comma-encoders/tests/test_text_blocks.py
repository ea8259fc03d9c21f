"""Sequences are padded within their block only, and no vector depends on how blocks fall."""

from itertools import accumulate

import pytest
import torch
from comma_encoders.modalities.text import buckets
from comma_encoders.modalities.text.buckets import blocks
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.encoder import Encoder
from comma_encoders.modalities.text.layers import Transformer, layout, means, positions
from comma_encoders.modalities.text.steps import collate
from comma_encoders.modality import examples
from hypothesis import given
from hypothesis import strategies as st

lengths = st.lists(st.integers(1, 48), min_size=1, max_size=200)


@given(lengths, st.integers(0, 500))
def test_blocks_hold_every_sequence_once_from_short_to_long(sizes, overhead):
    ordered, cut = sorted(sizes), blocks(sizes, overhead)
    ends = list(accumulate(count for count, _, _ in cut))
    assert ends[-1] == len(sizes)
    for end, (count, width, shortest) in zip(ends, cut, strict=True):
        assert (shortest, width) == (ordered[end - count], ordered[end - 1])


@given(lengths)
def test_blocks_cost_no_more_than_one_block_or_one_for_each_length(sizes):
    def cost(cut):
        return sum(count * width + buckets.OVERHEAD for count, width, _ in cut)

    each = [(sizes.count(size), size, size) for size in set(sizes)]
    one = [(len(sizes), max(sizes), min(sizes))]
    assert cost(blocks(sizes)) <= min(cost(each), cost(one))


def test_without_overhead_there_is_no_padding():
    assert blocks([3, 5, 3, 9], overhead=0) == [(2, 3, 3), (1, 5, 5), (1, 9, 9)]
    assert blocks([3, 5, 3, 9], overhead=1000) == [(4, 9, 3)]


def dense(transformer, h, mask):
    """The same layers in plain PyTorch: the padded whole, and nn.MultiheadAttention's own arithmetic."""
    from torch.nn import functional

    for layer in transformer.layers:
        x = layer.norm_attention(h)
        q, k, v = layer.query_key_value(x).unflatten(-1, (3, layer.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~mask[:, None, None, :], -torch.inf)
        h = h + layer.out((weights.softmax(-1) @ v).transpose(1, 2).flatten(2))
        h = h + layer.down(functional.gelu(layer.up(layer.norm_network(h))))
    return transformer.norm(h)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.sampled_from([0, 7, 10**6]))
def test_blocks_agree_with_one_dense_attention(sizes, overhead):
    torch.manual_seed(0)
    sizes, transformer = sorted(sizes), Transformer(width=8, heads=2, layers=2, dropout=0.0).eval()
    longest = max(sizes)
    mask = torch.arange(longest) < torch.tensor(sizes)[:, None]
    h = torch.randn(len(sizes), longest, 8)
    cut = blocks(sizes, overhead)
    places = layout(torch.tensor(cut), torch.tensor(sizes))
    starts = [0, *accumulate(count for count, _, _ in cut)]
    flat = torch.cat(
        [h[a : a + count, :width].flatten(0, 1) for a, (count, width, _) in zip(starts, cut, strict=False)]
    )
    found = means(transformer(flat, places), places)
    expected = (dense(transformer, h, mask) * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_positions_count_within_each_sequence():
    places = layout(torch.tensor([(2, 2, 1), (1, 3, 3)]), torch.tensor([1, 2, 3]))
    assert positions(places, torch.device("cpu")).tolist() == [0, 1, 0, 1, 0, 1, 2]


@pytest.fixture(scope="module")
def protocols():
    long = tuple(f"Heat at {t} °C for {t // 90} h in air, then grind in ethanol." for t in range(300, 1200, 50))
    odd = (("Grind.",), long, ("mix " * 200,), ("Calcine BaCO3 and TiO2 at 900 °C.", "Grind.", "Sinter at 1300 °C."))
    return [*examples("text", 12), *odd]


@pytest.mark.parametrize("overhead", [0, 48, 10**6])
def test_a_vector_depends_on_neither_batch_nor_block(protocols, overhead, monkeypatch):
    torch.manual_seed(0)
    config = Config(width=32)
    model = Encoder(config).eval()
    monkeypatch.setattr(buckets.blocks, "__defaults__", (overhead,))
    together = model(collate(protocols, config))
    backwards = model(collate(protocols[::-1], config)).flip(0)
    alone = torch.cat([model(collate([p], config)) for p in protocols])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together, backwards, rtol=1e-4, atol=1e-5)


def test_padding_is_small_for_mixed_lengths(protocols):
    inputs = collate(protocols, Config())
    assert len(inputs["ids"]) < 1.3 * inputs["lengths"].sum()


def test_bfloat16_under_autocast_hardly_turns_a_vector(protocols):
    torch.manual_seed(0)
    config = Config()
    model, inputs = Encoder(config).eval(), collate(protocols, config)
    with torch.inference_mode():
        exact = model(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(inputs).float()
    assert torch.cosine_similarity(exact, rough).min() > 0.99
    assert not torch.equal(exact, rough)


def test_states_are_one_vector_a_place(protocols):
    config = Config(width=32)
    inputs = collate(protocols, config)
    assert Encoder(config).states(inputs).shape == (len(inputs["ids"]), 32)


def test_a_width_that_the_heads_do_not_divide_is_named():
    from comma_encoders.errors import UsageError

    with pytest.raises(UsageError, match=r"width \(30\).*heads \(4\)"):
        Encoder(Config(width=30))
