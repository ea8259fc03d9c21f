"""Causes that are planted: one atom of a foreign element, one foreign precursor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from comma_encoders.elements import GASES, VOLATILE
from comma_encoders.modalities.text.formulas import ELEMENTS, parse
from comma_encoders.modalities.text.lexer import words

EDGES = ".,;:()"
KEPT = frozenset(ELEMENTS) - {ELEMENTS[z - 1] for z in (*VOLATILE, *GASES)}
"""What a reaction in the solid keeps."""


def named(word: str) -> frozenset[str]:
    """The elements of a word that is a formula; none of another."""
    return frozenset(element for element, _ in parse(word.strip(EDGES)) or ())


def of_text(text: Sequence[str]) -> frozenset[str]:
    """The elements that a text names."""
    return frozenset(element for step in text for word in words(step) for element in named(word))


def of_structure(structure: Mapping[str, Any]) -> frozenset[str]:
    """The elements of a structure."""
    return frozenset(ELEMENTS[z - 1] for z in structure["numbers"].tolist())


def formulas(text: Sequence[str]) -> list[str]:
    """The words of a text that are formulas of two elements or more."""
    return [word for step in text for word in words(step) if len(named(word)) > 1]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What is foreign to one pair comes from the others."""

    elements: tuple[str, ...]
    precursors: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[tuple[str, Any]]) -> "Pool":
        """What (modality, value) of all pairs hold."""
        elements = {e for modality, value in values if modality == "structure" for e in of_structure(value)}
        words_ = {word for modality, value in values if modality == "text" for word in formulas(value)}
        return cls(elements=tuple(sorted(elements)), precursors=tuple(sorted({w.strip(EDGES) for w in words_})))


def in_structure(
    structure: Mapping[str, Any], text: Sequence[str], elements: Sequence[str], rng: np.random.Generator
) -> tuple[dict[str, Any], int]:
    """The structure with one random atom of an element that neither side has, and the place of that atom."""
    foreign = sorted(set(elements) - of_structure(structure) - of_text(text))
    place = int(rng.integers(len(structure["numbers"])))
    numbers = np.array(structure["numbers"])
    numbers[place] = ELEMENTS.index(foreign[int(rng.integers(len(foreign)))]) + 1
    return {**structure, "numbers": numbers}, place


def in_text(
    structure: Mapping[str, Any], text: Sequence[str], precursors: Sequence[str], rng: np.random.Generator
) -> tuple[tuple[str, ...], int]:
    """The text with a precursor behind its first formula that shares no element but volatile ones with either side.

    Returns:
        The steps, and the place of the new word among all words.
    """
    known = (of_structure(structure) | of_text(text)) & KEPT
    foreign = sorted({word for word in precursors if named(word) & KEPT and not named(word) & known})
    steps = [words(step) for step in text]
    i, j = next((i, j) for i, step in enumerate(steps) for j, word in enumerate(step) if len(named(word)) > 1)
    steps[i].insert(j + 1, foreign[int(rng.integers(len(foreign)))])
    return tuple(" ".join(step) for step in steps), sum(map(len, steps[:i])) + j + 1
