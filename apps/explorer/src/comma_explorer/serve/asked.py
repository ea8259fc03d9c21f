"""What a page's address says: the question, what is wanted, and the conditions. It is all of the page's state."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from comma_encoders.modality import names
from starlette.datastructures import QueryParams

from comma_explorer.search.errors import SearchError
from comma_explorer.search.filters import Filter

LONGEST = 8000
"""Characters of words in an address; a longer protocol is sent as a file."""
MOST = 50
"""Hits of each modality on a page."""
NUMBER = 6
CONDITIONS = ("elements", "only", "without", "target", "low", "high", "source")
FIELDS = ("q", "as", "file", "like", "for", "n", *CONDITIONS)
_LIKE = re.compile(r"^([a-z]+):(\d{1,12})$")
_FILE = re.compile(r"^[0-9a-f]{16}$")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One page's state."""

    words: str = ""
    modality: str = ""
    """What the words are; empty lets them tell."""
    files: tuple[str, ...] = ()
    """Keys of what was sent before."""
    like: tuple[tuple[str, int], ...] = ()
    """Values of the index: modality and row."""
    wanted: str = ""
    """Empty for all."""
    number: int = NUMBER
    typed_number: str = field(default="", compare=False)
    """As the form has it; it may be none."""
    elements: str = ""
    only: str = ""
    without: str = ""
    target: str = ""
    low: str = ""
    high: str = ""
    source: str = ""
    where: Filter = field(default_factory=Filter)

    @classmethod
    def typed(cls, query: QueryParams) -> "Asked":
        """What a form has to show again, whether it can be asked or not; `where` is left empty."""
        text = _text(query)
        conditions: dict[str, Any] = {name: text[name] for name in CONDITIONS}
        return cls(
            words=text["q"][:LONGEST],
            modality=text["as"] if text["as"] in names() else "",
            files=tuple(key for key in query.getlist("file") if _FILE.match(key)),
            like=tuple(_row(one) for one in query.getlist("like") if _LIKE.match(one)),
            wanted=text["for"] if text["for"] in names() else "",
            typed_number=text["n"],
            **conditions,
        )

    @classmethod
    def parse(cls, query: QueryParams) -> "Asked":
        """Read an address.

        Raises:
            SearchError: it asks for what cannot be.
        """
        if unknown := sorted(set(query) - set(FIELDS)):
            raise SearchError(f"the address names {unknown[0]!r}, and only {', '.join(FIELDS)} are known")
        text = _text(query)
        if len(text["q"]) > LONGEST:
            raise SearchError(f"{len(text['q']):,} characters of words; send more than {LONGEST:,} as a file")
        for name in ("as", "for"):
            if text[name] and text[name] not in names():
                raise SearchError(f"no modality {text[name]!r}; there are {', '.join(names())}")
        for pattern, name in ((_FILE, "file"), (_LIKE, "like")):
            for key in query.getlist(name):
                _check(pattern, key, name)
        return replace(cls.typed(query), number=_number(text["n"]), where=_where(text))

    @property
    def asks(self) -> bool:
        """Whether there is a question at all."""
        return bool(self.words or self.files or self.like)

    @property
    def conditional(self) -> bool:
        """Whether a condition was typed, however it is written."""
        return any(getattr(self, name) for name in CONDITIONS)

    def address(self, path: str = "/", **changes: Any) -> str:
        """The address of this state with some of it changed; what is empty is left out."""
        told: dict[str, Any] = {
            "q": self.words,
            "as": self.modality,
            "file": list(self.files),
            "like": [f"{modality}:{row}" for modality, row in self.like],
            "for": self.wanted,
            "n": "" if self.number == NUMBER else str(self.number),
            **{name: getattr(self, name) for name in CONDITIONS},
            **changes,
        }
        query = urlencode({name: value for name, value in told.items() if value}, doseq=True)
        return f"{path}?{query}" if query else path


def _where(text: Mapping[str, str]) -> Filter:
    ranges = {}
    if (text["low"] or text["high"]) and not text["target"]:
        raise SearchError(f"choose the number that lies from {text['low'] or '…'} to {text['high'] or '…'}")
    if text["target"] and (text["low"] or text["high"]):
        ranges[text["target"]] = (_real(text["low"], "-inf"), _real(text["high"], "inf"))
    elements, only, without = (_symbols(text[name]) for name in ("elements", "only", "without"))
    return Filter(elements=elements, only=only, without=without, ranges=ranges, source=text["source"] or None)


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(symbol for symbol in re.split(r"[\s,;]+", text) if symbol)


def _real(text: str, otherwise: str) -> float:
    try:
        return float(text or otherwise)
    except ValueError:
        raise SearchError(f"{text[:40]!r} is no number; write one like 1.5") from None


def _number(text: str) -> int:
    if not text:
        return NUMBER
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MOST:
        raise SearchError(f"{text[:20]!r} hits are asked for; write a whole number from 1 to {MOST}")
    return int(text)


def _text(query: QueryParams) -> dict[str, str]:
    return {name: query.get(name, "").strip() for name in FIELDS}


def _row(text: str) -> tuple[str, int]:
    modality, _, row = text.partition(":")
    return modality, int(row)


def _check(pattern: re.Pattern[str], text: str, name: str) -> None:
    if not pattern.match(text):
        raise SearchError(f"{name}={text[:40]!r} is nothing that this server gave out")
