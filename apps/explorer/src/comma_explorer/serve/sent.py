"""What a page sent: files as values in memory, under a key that the page's address holds; and words."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any

from comma_data.formulas import classify

from comma_explorer.search import question
from comma_explorer.search.errors import SearchError
from comma_explorer.search.question import Question
from comma_explorer.serve.apart import Apart, GivenUpError
from comma_explorer.serve.received import SHOWN, plain, received

KEPT = 64
"""Files that are remembered, the latest."""
ROOM = 512 * 2**20
"""Bytes of all that is remembered: one large micrograph takes a fifth of it."""
LONGEST = 20.0
"""Seconds that a file may take to be read; the readers give most up after 5 to 10 of the processor's."""


@dataclass(kw_only=True)
class Sent:
    """Files that pages sent, by key."""

    known: tuple[str, ...]
    """Modalities that can be asked."""
    reader: Apart = field(default_factory=lambda: Apart(function=received, longest=LONGEST))
    """Reads files of strangers where they can do no harm."""
    _kept: OrderedDict[str, Question] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def keep(self, name: str, content: bytes) -> str:
        """Read a file and remember what it holds.

        Args:
            name: as the user's machine calls it; only its ending is used.
            content: its bytes.

        Returns:
            Its key.

        Raises:
            SearchError: it cannot be read.
        """
        if not content:
            raise SearchError("the file is empty")
        key = sha256(f"{name}|".encode() + content).hexdigest()[:16]
        asked = self._read(plain(name), content)
        with self._lock:
            self._kept[key] = asked
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and (len(self._kept) > KEPT or self._bytes() > ROOM):
                self._kept.popitem(last=False)
        return key

    def get(self, key: str) -> Question:
        """What was sent.

        Raises:
            SearchError: the server does not remember it.
        """
        with self._lock:
            if key not in self._kept:
                raise SearchError("the server does not remember this file any more: drop it again")
            return self._kept[key]

    def remembered(self, keys: Iterable[str]) -> dict[str, Question]:
        """Those of the files that the server still remembers, in their order."""
        with self._lock:
            return {key: self._kept[key] for key in keys if key in self._kept}

    def _read(self, name: str, content: bytes) -> Question:
        try:
            found = self.reader.call(name, content, self.known)
        except GivenUpError as error:
            raise SearchError(f"{name} cannot be read: it {error}; give a smaller part of it") from error
        if isinstance(found, str):
            raise SearchError(found)
        asked: Question = found
        return asked

    def _bytes(self) -> int:
        return sum(size(asked.value) for asked in self._kept.values())


def size(value: Any) -> int:
    """About how many bytes a raw value takes: those of its arrays and texts."""
    if isinstance(value, Mapping):
        return sum(map(size, value.values()))
    if isinstance(value, tuple | list):
        return sum(map(size, value))
    return int(getattr(value, "nbytes", 0)) or (len(value) if isinstance(value, str) else 0)


def words(text: str, modality: str = "") -> Question:
    """Words as a question, never as a path: a formula where they can be read as one, else a protocol.

    Raises:
        SearchError: they are no formula, or no text, where that was said.
    """
    name = modality or ("composition" if classify(text).amounts else "text")
    if name not in ("text", "composition"):
        raise SearchError(f"words cannot be a question by {name}: drop a file")
    return Question(modality=name, value=question.words(text, name), said=" ".join(text.split())[:SHOWN])
