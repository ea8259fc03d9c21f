"""Variants of a protocol that mean the same: other words, fewer fillers, some handling left unsaid."""

import re
from typing import Any

import numpy as np

from comma_encoders.modalities.text.wording import FILLERS, HANDLING, REPLACEMENTS

EXCHANGED = 0.5
"""Share of exchangeable words that are exchanged at strength 1."""
LEFT_OUT = 0.5
"""Share of fillers that are left out at strength 1."""
UNSAID = 0.3
"""Share of the later steps of mere handling that are left out at strength 1."""


def _any_of(phrases: list[str]) -> str:
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))


_EXCHANGEABLE = re.compile(rf"(?<![\w\[-])(?:{_any_of(list(REPLACEMENTS))})(?![\w\]-])", re.IGNORECASE)
_FILLER = re.compile(rf"(?<=[\w%°)\]]) (?:{_any_of(list(FILLERS))})(?=[ .,;]|$)")
_WORD = re.compile(r"[^\W_]+")


def augment(value: Any, rng: np.random.Generator, strength: float = 1.0) -> Any:
    """The protocol in other words, and without some of what need not be said.

    Formulas, numbers, units, atmospheres, media and devices stay as they are and in their order. The first step, which
    names the precursors, always stays.

    Args:
        value: steps.
        rng: where chance comes from.
        strength: 1 is the usual one, 0 changes nothing.
    """
    unsaid = rng.random(len(value)) < strength * UNSAID
    kept = (step for i, step in enumerate(value) if i == 0 or not (unsaid[i] and mere_handling(step)))
    return tuple(_reworded(step, rng, strength) for step in kept)


def mere_handling(step: str) -> bool:
    """Whether a step does nothing but move a solid or make it finer."""
    words = [word.lower() for word in _WORD.findall(step)]
    return bool(words) and HANDLING.issuperset(words)


def _reworded(step: str, rng: np.random.Generator, strength: float) -> str:
    def exchanged(match: re.Match[str]) -> str:
        word = match.group()
        if rng.random() >= strength * EXCHANGED:
            return word
        others = REPLACEMENTS[word.lower()]
        other = others[int(rng.integers(len(others)))]
        return other[0].upper() + other[1:] if word[0].isupper() else other

    def left_out(match: re.Match[str]) -> str:
        return "" if rng.random() < strength * LEFT_OUT else match.group()

    return _EXCHANGEABLE.sub(exchanged, _FILLER.sub(left_out, step))
