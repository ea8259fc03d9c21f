"""Protocols -> tensors: each distinct step of a batch once, in blocks by length, and which steps make a protocol."""

from collections.abc import Hashable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from comma_encoders import elements
from comma_encoders.errors import InputError
from comma_encoders.modalities.text import pretrained
from comma_encoders.modalities.text.buckets import Block, blocks
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.materials import amounts, ratios_known
from comma_encoders.modalities.text.tokenizer import Token, tokenizer_of

Step = tuple[Token, ...]


def _cut(step: Step, size: int) -> list[Step]:
    return [step[i : i + size] for i in range(0, len(step), size)]


def _pieces(step: str, config: Config) -> Sequence[Step]:
    """The tokens of a step, cut where it is longer than `max_tokens`."""
    if config.pretrained:
        return pretrained.pieces(step, config)
    return _cut(tokenizer_of(config).encode(step), config.max_tokens)


def encoded(value: Any, config: Config) -> list[Step]:
    """The steps of one protocol as tokens: empty ones left out, long ones cut, at most `max_steps`.

    Raises:
        InputError: not a sequence of strings, or no step with a word in it.
    """
    if isinstance(value, str) or not all(isinstance(step, str) for step in value):
        raise InputError(f"a protocol has to be a tuple of steps (strings); got {type(value).__name__}")
    steps = [piece for step in value for piece in _pieces(step, config)]
    if not steps:
        raise InputError("a protocol without words; leave the value out instead")
    return steps[: config.max_steps]


def ensure_read(value: Any, config: Config) -> None:
    """Refuse a text that a user gives and of which nothing can be read: all such have one vector.

    Raises:
        InputError: no word is in the vocabulary.
    """
    if not config.pretrained and tokenizer_of(config).reads_nothing(encoded(value, config)):
        raise InputError("a protocol of which no word can be read: the vocabulary holds English; translate it first")


def filled(rows: Sequence[Sequence[int]], cut: Sequence[Block], padding: int) -> Tensor:
    """Rows, sorted by length, one behind the other, each padded to the width of its block."""
    widths = chain.from_iterable([width] * count for count, width, _ in cut)
    padded = ([*row, *[padding] * (width - len(row))] for row, width in zip(rows, widths, strict=True))
    return torch.tensor(list(chain.from_iterable(padded)))


def _quantities(steps: Sequence[Step], cut: Sequence[Block]) -> dict[str, Tensor]:
    """Where values stand, how much they are, and what they measure."""
    found: list[tuple[int, float, int]] = []
    start = 0
    for step, width in zip(steps, chain.from_iterable([w] * n for n, w, _ in cut), strict=True):
        found += [(start + i, *quantity) for i, (_, quantity) in enumerate(step) if quantity is not None]
        start += width
    places, magnitudes, kinds = zip(*found, strict=True) if found else ((), (), ())
    return {
        "valued": torch.tensor(places, dtype=torch.int64),
        "magnitudes": torch.tensor(magnitudes, dtype=torch.float32),
        "kinds": torch.tensor(kinds, dtype=torch.int64),
    }


MOST = 1e30
"""Of an amount: float32 holds a little more, and the sum of some such amounts."""


def _amounts(values: Sequence[Sequence[str]]) -> Tensor:
    """Elements of the materials that each protocol names, a row each."""
    out = np.zeros((len(values), elements.COUNT), np.float32)
    for row, steps in zip(out, values, strict=True):
        found = amounts(steps)
        row[list(found)] = [min(amount, MOST) for amount in found.values()]
    return torch.from_numpy(out)


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """Tokens of the distinct steps, and the steps of each protocol, both in blocks of about equal length.

    Returns:
        `ids` (places,) int64, the tokens of the steps, short steps first, padded within their block; `lengths`
        (steps,); `blocks` (blocks, 3): steps, places of each, shortest. `valued` (values,) the places of tokens with a
        value; `magnitudes` (values,) float32 and `kinds` (values,), see `quantities`. `rows` (protocol places,) the
        steps of the protocols, `row_lengths` and `row_blocks` likewise; `order` (protocols,) where each protocol of
        `values` stands among them; `amounts` (protocols, 118) float32, the elements of the materials that each names;
        `ratios_known` (protocols,) bool, whether their ratios mean something.

    Raises:
        InputError: a value that is no protocol; the message gives its place in the list.
    """
    protocols: list[list[Step]] = []
    for i, value in enumerate(values):
        try:
            protocols.append(encoded(value, config))
        except InputError as error:
            raise InputError(f"text {i} of {len(values)}: {error}") from error
    ratios = torch.tensor([ratios_known(steps) for steps in values])
    return {**tensors(protocols, protocols, config), "amounts": _amounts(values), "ratios_known": ratios}


def tensors(
    protocols: Sequence[Sequence[Step]], names: Sequence[Sequence[Hashable]], config: Config
) -> dict[str, Tensor]:
    """All that `collate` gives but what it reads in formulas.

    Args:
        protocols: the steps of each.
        names: a name for each step; steps of one name are equal, and stand in `ids` once.
        config: whose padding is meant.
    """
    named = dict(zip(chain.from_iterable(names), chain.from_iterable(protocols), strict=True))
    steps = sorted(named, key=lambda name: len(named[name]))
    number = {name: i for i, name in enumerate(steps)}
    by_length = sorted(range(len(protocols)), key=lambda i: len(protocols[i]))
    order = sorted(range(len(protocols)), key=by_length.__getitem__)
    rows = [[number[name] for name in names[i]] for i in by_length]
    lengths = [len(named[name]) for name in steps]
    cut, row_cut = blocks(lengths), blocks([len(row) for row in rows])
    ids = [[token for token, _ in named[name]] for name in steps]
    return {
        "ids": filled(ids, cut, pretrained.padding(config)),
        "lengths": torch.tensor(lengths),
        "blocks": torch.tensor(cut),
        **_quantities([named[name] for name in steps], cut),
        "rows": filled(rows, row_cut, 0),
        "row_lengths": torch.tensor([len(row) for row in rows]),
        "row_blocks": torch.tensor(row_cut),
        "order": torch.tensor(order),
    }
