"""The words of a protocol, for attributions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from comma_encoders import elements
from comma_encoders.modalities.text.buckets import blocks
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.encoder import Encoder, Tokens
from comma_encoders.modalities.text.layers import layout
from comma_encoders.modalities.text.lexer import FORMULA, in_words, words
from comma_encoders.modalities.text.materials import added, ratios_known
from comma_encoders.modalities.text.steps import Step, collate, encoded, filled, tensors
from comma_encoders.modalities.text.tokenizer import tokenizer_of
from comma_encoders.parts import Parts, fade, shares
from comma_encoders.types import Inputs

Word = tuple[int, int]
"""A step of the text, and a place in it."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """One protocol as its encoder reads it, and which word each token belongs to."""

    steps: Sequence[Step]
    word_of: Sequence[Sequence[int]]
    """For each token its part."""
    adds: Float[Tensor, "parts 118"]
    """What each word adds to the elements of the materials that the text names."""
    ratios_known: bool
    """Whether the ratios of what is added up mean something."""


def parts(value: Sequence[str], config: Config) -> Parts:
    """The words, grouped by step: what stands between white space.

    A word that is left out was not written. One that is faded turns into the mean of all symbols, without a number; its
    place stays. Words beyond `max_steps` are parts that add nothing. Words of a pretrained encoder can only be left
    out.

    Raises:
        InputError: no text.
    """
    encoded(value, config)
    steps = [words(step) for step in value]
    places = [(i, j) for i, step in enumerate(steps) for j in range(len(step))]

    def kept(chosen: Bool[Tensor, "variants parts"]) -> Inputs:
        return collate([without(value, steps, row) for row in chosen.tolist()], config)

    def faded(encoder: Encoder, gates: Float[Tensor, "variants parts"]) -> Float[Tensor, "variants width"]:
        return encode_faded(encoder, read(value, places, config), gates, config)

    return Parts(
        labels=tuple(word for step in steps for word in step),
        groups=tuple(str(i + 1) for i, _ in places),
        grouped="step",
        without=kept,
        faded=None if config.pretrained else faded,
    )


def without(value: Sequence[str], steps: Sequence[Sequence[str]], kept: Sequence[bool]) -> tuple[str, ...]:
    """The steps with only some of their words.

    Args:
        value: the steps as they were written; those that lose no word stay so, those that lose all go.
        steps: their words.
        kept: which of all words stay.
    """
    stays = iter(kept)
    left = [[word for word, stay in zip(step, stays, strict=False) if stay] for step in steps]
    pairs = zip(value, steps, left, strict=True)
    return tuple(told if len(found) == len(step) else " ".join(found) for told, step, found in pairs if found)


def read(value: Sequence[str], places: Sequence[Word], config: Config) -> Read:
    """The tokens of a protocol with their words, and the materials with theirs."""
    part, tokenizer = {place: i for i, place in enumerate(places)}, tokenizer_of(config)
    steps: list[Step] = []
    word_of: list[list[int]] = []
    for i, step in enumerate(value):
        tokens, owners = tokenizer.encode(step), [part[i, word] for word in tokenizer.words(step)]
        for start in range(0, len(tokens), config.max_tokens):
            steps.append(tokens[start : start + config.max_tokens])
            word_of.append(owners[start : start + config.max_tokens])
    formulas = (
        part[i, word] for i, step in enumerate(value) for word, lexeme in in_words(step) if lexeme[0] == FORMULA
    )
    adds = torch.zeros(len(places), elements.COUNT)
    for word, found in zip(formulas, added(value), strict=True):
        for column, amount in found:
            adds[word, column] += amount
    return Read(
        steps=steps[: config.max_steps],
        word_of=word_of[: config.max_steps],
        adds=adds,
        ratios_known=ratios_known(value),
    )


def encode_faded(
    encoder: Encoder, of: Read, gates: Float[Tensor, "variants parts"], config: Config
) -> Float[Tensor, "variants width"]:
    """What the encoder makes of a protocol, once for each row of gates."""
    tokens = cast("Tokens", encoder.tokens)
    count, device = len(gates), gates.device
    names = [[(i, j) for j in range(len(of.steps))] for i in range(count)]
    inputs = {k: t.to(device) for k, t in tensors([of.steps] * count, names, config).items()}
    at = _gate_of_place(of, count, gates.shape[1]).to(device)
    gate = torch.cat([gates.flatten(), gates.new_ones(1)])[at]
    content = fade(tokens.content(inputs), tokens.symbol.weight.mean(dim=0), gate)
    states = tokens.read(content, layout(inputs["blocks"], inputs["lengths"]))
    vectors = encoder.protocols(states, inputs)
    if encoder.elements is None:
        return vectors
    adds = of.adds.to(device)
    # an element's features are shared among the words that name it by what each adds
    known = torch.tensor([of.ratios_known], device=device).expand(count)
    seen = elements.features(adds.sum(dim=0, keepdim=True)) * (gates @ shares(adds)).repeat(1, elements.BLOCKS)
    return vectors + encoder.elements.read(seen, known)


def _gate_of_place(of: Read, count: int, parts: int) -> Int[Tensor, " places"]:
    """For each place of `ids` the place of its gate among all, of padding one behind the last."""
    rows = [[i * parts + word for word in words_] for i in range(count) for words_ in of.word_of]
    rows.sort(key=len)
    return filled(rows, blocks([len(row) for row in rows]), count * parts)
