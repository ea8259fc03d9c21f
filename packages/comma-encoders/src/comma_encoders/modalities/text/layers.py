"""A transformer over sequences that lie in blocks of about equal length.

Linear maps see all places at once, attention one block at a time, and padding is never attended to. The layers are
pre-norm (Xiong et al. 2020, arXiv:2002.04745) with a feed-forward network of four times the width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How sequences lie in one long tensor of places."""

    blocks: Sequence[tuple[int, int]]
    """Sequences, and places of each."""
    masks: Sequence[Bool[Tensor, "_ _"] | None]
    """Which places of a block are taken; None where all are."""

    @property
    def sizes(self) -> list[int]:
        """Places of each block."""
        return [count * width for count, width in self.blocks]


def layout(blocks: Int[Tensor, "blocks 3"], lengths: Int[Tensor, " sequences"]) -> Layout:
    """The layout that `steps.collate` made."""
    cut: list[list[int]] = blocks.tolist()
    pieces = lengths.split([count for count, _, _ in cut])
    return Layout(
        blocks=[(count, width) for count, width, _ in cut],
        masks=[
            torch.arange(width, device=lengths.device) < piece[:, None] if shortest < width else None
            for (_, width, shortest), piece in zip(cut, pieces, strict=True)
        ],
    )


def positions(places: Layout, device: torch.device) -> Int[Tensor, " places"]:
    """For each place its position in its sequence."""
    return torch.cat([torch.arange(width, device=device).repeat(count) for count, width in places.blocks])


def means(h: Float[Tensor, "places width"], places: Layout) -> Float[Tensor, "sequences width"]:
    """Mean of each sequence over the places that are taken."""
    return torch.cat([_mean(piece, *of) for piece, *of in _pieces(h, places)])


def _pieces(
    h: Float[Tensor, "places *rest"], places: Layout
) -> list[tuple[Float[Tensor, "count width *rest"], Bool[Tensor, "count width"] | None]]:
    """Each block as sequences, with its mask."""
    parts = zip(h.split(places.sizes), places.blocks, places.masks, strict=True)
    return [(part.unflatten(0, block), mask) for part, block, mask in parts]


def _mean(
    h: Float[Tensor, "count length width"], mask: Bool[Tensor, "count length"] | None
) -> Float[Tensor, "count width"]:
    if mask is None:
        return h.mean(dim=1)
    weight = mask[:, :, None].to(h.dtype)
    return (h * weight).sum(dim=1) / weight.sum(dim=1)


class Layer(nn.Module):
    """Self-attention within each sequence, then a feed-forward network, both added to what was there."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.norm_attention, self.norm_network = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Float[Tensor, "places width"], places: Layout) -> Float[Tensor, "places width"]:
        """One layer."""
        h = h + self.dropout(self.out(self._attended(self.query_key_value(self.norm_attention(h)), places)))
        added: Tensor = self.dropout(self.down(functional.gelu(self.up(self.norm_network(h)))))
        return h + added

    def _attended(self, qkv: Float[Tensor, "places three_widths"], places: Layout) -> Float[Tensor, "places width"]:
        heads = qkv.unflatten(1, (3, self.heads, -1))
        return torch.cat([_attention(piece, mask) for piece, mask in _pieces(heads, places)])


def _attention(
    qkv: Float[Tensor, "count length 3 heads channels"], mask: Bool[Tensor, "count length"] | None
) -> Float[Tensor, "count*length heads*channels"]:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762, equation 1) within each sequence."""
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    there = None if mask is None else mask[:, None, None, :]
    return functional.scaled_dot_product_attention(query, key, value, there).transpose(1, 2).flatten(2).flatten(0, 1)


class Transformer(nn.Module):
    """Layers, and a norm behind the last."""

    def __init__(self, *, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, h: Float[Tensor, "places width"], places: Layout) -> Float[Tensor, "places width"]:
        """All layers."""
        for layer in self.layers:
            h = layer(h, places)
        out: Tensor = self.norm(h)
        return out
