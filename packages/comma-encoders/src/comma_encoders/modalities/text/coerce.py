"""What users have -> raw text: a paragraph, or a sequence of steps."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from comma_encoders.errors import InputError, KindError

_ABBREVIATIONS = ("e.g.", "i.e.", "ca.", "approx.", "resp.", "Fig.", "vs.", "al.", "No.", "wt.", "vol.")
_SENTENCE = re.compile(r"(?<=[.;!?])\s+(?=[A-Z0-9(])|\n+")
_BLANK = re.compile(r"\n\s*\n")
_LISTED = re.compile(r"\s*(?:[-*•–]|\(?\d{1,2}[.)]|\(?[a-z][.)]|[Ss]tep\b)\s*\S")
_NUMBERED = re.compile(r"\s*\d{1,2}\.")
_CAPITAL = re.compile(r"[A-Z][a-z]{3,}\b")
WIDE = 40
"""Characters that a line has at least where a text is wrapped."""

MAX_CHARACTERS = 1_000_000


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a paragraph; neither usual abbreviations nor the number of a step end one."""
    parts: list[str] = []
    unwrapped = "\n".join(_unwrapped(block.strip()) for block in _BLANK.split(text))
    for piece in _SENTENCE.split(unwrapped):
        if parts and (parts[-1].endswith(_ABBREVIATIONS) or _NUMBERED.fullmatch(parts[-1])):
            parts[-1] += f" {piece}"
        else:
            parts.append(piece)
    return tuple(part.strip() for part in parts if part.strip())


def _unwrapped(block: str) -> str:
    """Lines without a blank one between them, joined where they were cut for their width and not by their author.

    So they were where no line had room for the first word of the next. Two lines alone prove little: a second one that
    begins with a capital is a step of its own.
    """
    lines = [line.strip() for line in block.splitlines()]
    width = max(map(len, lines), default=0)
    cut = all(len(line) + 1 + len(next_.split()[0]) > width for line, next_ in pairwise(lines))
    alone = len(lines) == 2 and _CAPITAL.match(lines[1])
    if width < WIDE or not cut or alone or any(map(_LISTED.match, lines)):
        return block
    return " ".join(lines)


def coerce(value: Any) -> tuple[str, ...]:
    """A raw text: a plain string is split into sentences, a sequence of strings is taken as the steps.

    A line of a string is a step of its own, unless all lines were cut for their width, as in what is copied from a PDF.

    Raises:
        InputError: neither of these, nothing but white space, or more than a million characters.
    """
    if isinstance(value, Sequence) and all(isinstance(step, str) for step in value):
        steps = sentences(value) if isinstance(value, str) else tuple(value)
    else:
        raise KindError(f"cannot make a protocol of {type(value).__name__}; give a string or a sequence of steps")
    size = sum(map(len, steps))
    if not 0 < size <= MAX_CHARACTERS:
        raise InputError(f"a protocol of {size} characters; it has to have 1 to {MAX_CHARACTERS}")
    return steps


def example(rng: np.random.Generator) -> tuple[str, ...]:
    """A random solid-state route to a random oxide; every other one weighs its precursors out."""
    a, b = rng.choice(["Li2CO3", "BaCO3", "TiO2", "Fe2O3", "La2O3", "CuO", "ZnO", "Nb2O5"], size=2, replace=False)
    temperature, hours = int(rng.integers(30, 160)) * 10, int(rng.integers(1, 48))
    return (
        f"Mix {a} and {b} in ethanol.",
        f"Calcine at {temperature} °C for {hours} h in air.",
        *(f"Sinter at {temperature + 100} °C." for _ in range(int(rng.integers(0, 2)))),
        *(f"Amounts: 1 mol {a}, {rng.integers(1, 4)} mol {b}." for _ in range(int(rng.integers(0, 2)))),
    )
