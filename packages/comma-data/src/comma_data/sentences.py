"""A paragraph -> its sentences, which are the steps of a text."""

import re
from collections.abc import Iterator

ABBREVIATIONS = ("e.g.", "i.e.", "ca.", "approx.", "resp.", "Fig.", "vs.", "al.", "No.", "wt.", "vol.")
"""They end no sentence."""
_SENTENCE = re.compile(r"(?<=[.;!?])\s+(?=[A-Z0-9(])|\n+")


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a paragraph, without white space around them.

    One ends at `.`, `;`, `!` or `?` before white space and a capital letter, a digit or `(`, unless it ends in an
    abbreviation, and at every line break. The point of a decimal number has no white space behind it.
    """
    stripped = (part.strip() for part in _grouped(_SENTENCE.split(text)))
    return tuple(part for part in stripped if part)


def _grouped(pieces: list[str]) -> Iterator[str]:
    """Pieces behind an abbreviation belong to the one before."""
    group: list[str] = []
    for piece in pieces:
        if group and not group[-1].endswith(ABBREVIATIONS):
            yield " ".join(group)
            group = []
        group.append(piece)
    yield " ".join(group)
