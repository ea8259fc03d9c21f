"""The bytes of a file that a page sent -> a question.

They lie in a folder of their own for as long as they are read, under a name of the server's making: no name that a
client gives is ever a path.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory

from comma_data.structure_formats.formats import PREFIXES, format_of
from comma_encoders.guess import ENDINGS as ENDINGS_OF

from comma_explorer.search import question
from comma_explorer.search.errors import SearchError, UntoldError
from comma_explorer.search.question import Question

SHOWN = 60
ENDINGS = 12
"""Characters of a name's ending at most."""


def received(name: str, content: bytes, known: tuple[str, ...]) -> Question | str:
    """What a file asks, or what is wrong with it; it may take any time.

    Args:
        name: as the user's machine calls it, `plain`; only its ending is used.
        content: its bytes.
        known: modalities that can be asked.
    """
    try:
        return _read(name, content, known)
    except SearchError as error:
        return str(error)


def _read(name: str, content: bytes, known: tuple[str, ...]) -> Question:
    with TemporaryDirectory(prefix="comma-") as folder:
        path = Path(folder) / safe(name)
        path.write_bytes(content)
        try:
            found = question.read(str(path), known=known)
        except SearchError as error:
            told = f"{error.problem}; {_endings(known)}" if isinstance(error, UntoldError) else str(error)
            raise SearchError(told.replace(str(path), name).replace(path.name, name)) from error
        if isinstance(found.value, str) and found.value == str(path):
            found = replace(found, value=_loaded(path, found.modality, name))
    return replace(found, said=name, notes=tuple(note.replace(path.name, name) for note in found.notes))


def _endings(known: tuple[str, ...]) -> str:
    """What a page can do where the ending of a file does not tell what it is."""
    endings = (f"{ENDINGS_OF[name][0]} for {name}" for name in known if name in ENDINGS_OF)
    return f"if it can be asked with, give it the ending of what it is: {', '.join(endings)}"


def _loaded(path: Path, modality: str, name: str) -> object:
    """The value of a file that only an encoder reads, before the file is gone."""
    from comma_encoders.errors import InputError  # noqa: PLC0415 - torch takes seconds
    from comma_encoders.modality import get  # noqa: PLC0415

    try:
        return get(modality).coerce(str(path))
    except InputError as error:
        raise SearchError(str(error).replace(str(path), name)) from error


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
