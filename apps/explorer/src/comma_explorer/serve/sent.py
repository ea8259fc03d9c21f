"""What a page sent: files as values in memory, under a key that the page's address holds.

The bytes lie in a folder of their own for as long as they are read, under a name of the server's making: no name that a
client gives, and no word that it asks, is ever a path.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from threading import Lock

from comma_data.formulas import classify
from comma_data.structure_formats.formats import PREFIXES, format_of
from comma_encoders.guess import ENDINGS as ENDINGS_OF

from comma_explorer.search import question
from comma_explorer.search.errors import SearchError, UntoldError
from comma_explorer.search.question import Question

KEPT = 64
"""Files that are remembered, the latest."""
SHOWN = 60
ENDINGS = 12
"""Characters of a name's ending at most."""


@dataclass(kw_only=True)
class Sent:
    """Files that pages sent, by key."""

    known: tuple[str, ...]
    """Modalities that can be asked."""
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
            while len(self._kept) > KEPT:
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
        with TemporaryDirectory(prefix="comma-") as folder:
            path = Path(folder) / safe(name)
            path.write_bytes(content)
            try:
                found = question.read(str(path), known=self.known)
            except SearchError as error:
                told = f"{error.problem}; {self._endings()}" if isinstance(error, UntoldError) else str(error)
                raise SearchError(told.replace(str(path), name).replace(path.name, name)) from error
            if isinstance(found.value, str) and found.value == str(path):
                found = replace(found, value=_loaded(path, found.modality, name))
        return replace(found, said=name, notes=tuple(note.replace(path.name, name) for note in found.notes))

    def _endings(self) -> str:
        """What a page can do where the ending of a file does not tell what it is."""
        endings = (f"{ENDINGS_OF[name][0]} for {name}" for name in self.known if name in ENDINGS_OF)
        return f"if it can be asked with, give it the ending of what it is: {', '.join(endings)}"


def _loaded(path: Path, modality: str, name: str) -> object:
    """The value of a file that only an encoder reads, before the file is gone."""
    from comma_encoders.errors import InputError  # noqa: PLC0415 - torch takes seconds
    from comma_encoders.modality import get  # noqa: PLC0415

    try:
        return get(modality).coerce(str(path))
    except InputError as error:
        raise SearchError(str(error).replace(str(path), name)) from error


def words(text: str, modality: str = "") -> Question:
    """Words as a question, never as a path: a formula where they can be read as one, else a protocol.

    Raises:
        SearchError: they are no formula, or no text, where that was said.
    """
    name = modality or ("composition" if classify(text).amounts else "text")
    if name not in ("text", "composition"):
        raise SearchError(f"words cannot be a question by {name}: drop a file")
    return Question(modality=name, value=question.words(text, name), said=" ".join(text.split())[:SHOWN])


def plain(name: str) -> str:
    """The last part of a name, whichever system it comes from, without what cannot be seen."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(c for c in last if c.isprintable())[:SHOWN] or "file"


def safe(name: str) -> str:
    """A name of the server's making that ends as the given one does."""
    beginning = next((one for one in PREFIXES if name.lower().startswith(one)), None)
    if beginning is not None and format_of(name) == format_of(beginning):
        return beginning.upper()  # such a name tells the format without an ending, as POSCAR_NaCl does
    endings = "".join(PurePosixPath(name).suffixes[-2:])
    kept = "".join(c for c in endings.lower() if c.isascii() and (c.isalnum() or c == "."))
    return f"query{kept[-ENDINGS:]}" if kept.startswith(".") or not kept else f"query.{kept[-ENDINGS:]}"
