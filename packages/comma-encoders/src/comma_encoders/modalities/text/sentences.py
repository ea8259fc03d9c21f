"""A paragraph -> its sentences, which are the steps of a text; the same as where comma-data stores them."""

import re
from collections.abc import Iterator
from itertools import pairwise

ABBREVIATIONS = ("e.g.", "i.e.", "ca.", "approx.", "resp.", "Fig.", "vs.", "al.", "No.", "wt.", "vol.")
"""They end no sentence."""
_SENTENCE = re.compile(r"(?<=[.;!?])\s+(?=[A-Z0-9(])|\n+")
_NUMBER = re.compile(r"\s*\d{1,2}\.")
"""Of a step in a list; it is no sentence."""
_BLANK = re.compile(r"\n\s*\n")
_LISTED = re.compile(r"(?:[-*•–]|\(?\d{1,2}[.)]|\(?[a-z][.)]|[Ss]tep\b)\s*\S")
_CAPITAL = re.compile(r"[A-Z][a-z]{3,}\b")
WIDE = 40
"""Characters that the longest line has at least where a text is wrapped."""


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a paragraph, without white space around them.

    One ends at `.`, `;`, `!` or `?` before white space and a capital letter, a digit or `(`, unless it ends in an
    abbreviation or is the number of a step, and at every line break, unless the lines were cut for their width. The
    point of a decimal number has no white space behind it.
    """
    unwrapped = "\n".join(_unwrapped(block.strip()) for block in _BLANK.split(text))
    stripped = (part.strip() for part in _grouped(_SENTENCE.split(unwrapped)))
    return tuple(part for part in stripped if part)


def _unwrapped(block: str) -> str:
    """Lines without a blank one between them, joined where they were cut for their width and not by their author.

    So they were where no line had room for the first word of the next. Two lines alone prove little: a second one that
    begins with a capital is a step of its own.
    """
    lines = [line.strip() for line in block.split("\n")]
    width = max(map(len, lines))
    cut = all(len(line) + 1 + len(below.partition(" ")[0]) > width for line, below in pairwise(lines))
    apart = len(lines) == 2 and _CAPITAL.match(lines[1])
    if width < WIDE or not cut or apart or any(map(_LISTED.match, lines)):
        return block
    return " ".join(lines)


def _grouped(pieces: list[str]) -> Iterator[str]:
    """Pieces behind an abbreviation, or the number of a step, belong to the one before."""
    group: list[str] = []
    for piece in pieces:
        if group and not group[-1].endswith(ABBREVIATIONS) and not _NUMBER.fullmatch(group[-1]):
            yield " ".join(group)
            group = []
        group.append(piece)
    yield " ".join(group)
