"""Protocols -> tensors: each distinct step of a batch once, and which steps make a protocol."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from comma_encoders.errors import InputError
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.tokenizer import Token, magnitude, tokenizer_of

Step = tuple[Token, ...]


def _cut(step: Step, size: int) -> list[Step]:
    return [step[i : i + size] for i in range(0, len(step), size)]


def encoded(value: Any, config: Config) -> list[Step]:
    """The steps of one protocol as tokens: empty ones left out, long ones cut, at most `max_steps`.

    Raises:
        InputError: not a sequence of strings, or no step with a word in it.
    """
    if isinstance(value, str) or not all(isinstance(step, str) for step in value):
        raise InputError(f"a protocol has to be a tuple of steps (strings); got {type(value).__name__}")
    steps = [piece for step in value for piece in _cut(tokenizer_of(config).encode(step), config.max_tokens)]
    if not steps:
        raise InputError("a protocol without words; leave the value out instead")
    return steps[: config.max_steps]


def _padded(steps: Sequence[Step]) -> tuple[Tensor, Tensor]:
    """Pad to ids (steps, tokens), 0 where none is, and values (steps, tokens, 2): magnitude, and if there is one."""
    longest = max(len(step) for step in steps)
    ids = torch.zeros(len(steps), longest, dtype=torch.int64)
    values = torch.zeros(len(steps), longest, 2)
    for i, step in enumerate(steps):
        ids[i, : len(step)] = torch.tensor([token for token, _ in step])
        numbers = [(0.0, 0.0) if value is None else (magnitude(value), 1.0) for _, value in step]
        values[i, : len(step)] = torch.tensor(numbers)
    return ids, values


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """Tokens of the distinct steps, and the steps of each protocol.

    Returns:
        `ids` (steps, tokens) int64, 0 is padding; `values` (steps, tokens, 2) float32, log10 of a number and whether
        the token has one; `protocols` (values, longest) int64, rows of `ids`, -1 is padding.

    Raises:
        InputError: a value that is no protocol; the message gives its place in the list.
    """
    place: dict[Step, int] = {}
    rows: list[list[int]] = []
    for i, value in enumerate(values):
        try:
            rows.append([place.setdefault(step, len(place)) for step in encoded(value, config)])
        except InputError as error:
            raise InputError(f"text {i} of {len(values)}: {error}") from error
    protocols = torch.full((len(rows), max(map(len, rows))), -1)
    for i, row in enumerate(rows):
        protocols[i, : len(row)] = torch.tensor(row)
    ids, numbers = _padded(list(place))
    return {"ids": ids, "values": numbers, "protocols": protocols}
