"""What a user has -> a value that can be embedded: a path, a formula, words, or an object of a library."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_data.errors import DataError
from comma_data.formulas import classify
from comma_data.micrographs.formats import ENDINGS as IMAGE_ENDINGS
from comma_data.nearest import did_you_mean
from comma_data.sample import Record, Refusal
from comma_data.sources import diffraction, micrographs, structures
from comma_data.structure_formats.formats import ENDINGS as STRUCTURE_ENDINGS
from comma_data.structure_formats.formats import format_of
from comma_data.text_files import TextError, cleaned, decoded
from comma_encoders.errors import UsageError
from comma_encoders.guess import ENDINGS, modality_of
from comma_encoders.modalities.xrd.coerce import CU_K_ALPHA

from comma_explorer.search.errors import SearchError, UntoldError

KNOWN = tuple(
    sorted(
        {
            *(ending for endings in ENDINGS.values() for ending in endings),
            *STRUCTURE_ENDINGS,
            *IMAGE_ENDINGS,
            *diffraction.ENDINGS,
        }
    )
)
"""Endings of the files that are read here."""
LONGEST_NAME = 255
"""Characters of a file's name; longer words are no path."""
SHOWN = 80
"""Characters of a query that messages repeat."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One value to search with."""

    modality: str
    value: Any
    """Raw value, or an object that the modality's `coerce` takes, e.g. a pymatgen structure."""
    said: str
    """How the user put it."""
    notes: tuple[str, ...] = ()
    """What was assumed on the way."""


def read(text: str, modality: str | None = None, *, known: Collection[str] = ()) -> Question:
    """A question from what was typed: the path of a file, a formula, or words.

    Args:
        text: What was typed.
        modality: What it is; None tells a file by its ending, and takes other words for a formula where they can be
            read as one, else for a protocol.
        known: Modalities that can be asked; any if empty.

    Raises:
        SearchError: No such file, or it cannot be told or read what it is.
    """
    if not text.strip():
        raise SearchError("an empty query: give a file, a formula, or words in quotes")
    name = modality or _told(text)
    if known and name not in known:
        raise UntoldError(
            f"{_short(text)!r} is asked by {name}, and the model knows {', '.join(known)}"
            f"{did_you_mean(name, tuple(known))}",
            f"if it is one of these, say so with --as {'|'.join(known)}",
        )
    if name in {"text", "composition"} and not _is_file(text):
        return Question(modality=name, value=words(text, name), said=_short(text))
    if not _is_file(text):
        raise SearchError(f"there is no file {_short(text)}, and a query by {name} is one")
    return _read_file(Path(text), name)


def _told(text: str) -> str:
    """The modality of what was typed."""
    if _is_file(text):
        return _of_file(text)
    if _is_folder(text) and not classify(text).amounts:
        raise SearchError(f"{text} is a folder; give a file in it, or say with --as text that it is a word")
    if classify(text).amounts:
        return "composition"
    if called_as_a_file(text):
        raise UntoldError(f"there is no file {_short(text)}", "if these are words, say so with --as text")
    return "text"


def called_as_a_file(text: str) -> bool:
    """Whether words that are no formula can only be the name of a file.

    They end as files do that are read here, and are not several sentences; or they are one word that begins as the
    files of VASP do, or holds a slash that does not join two formulas.
    """
    word = text.strip()
    if any(c.isspace() for c in word):
        return word.lower().endswith(KNOWN) and "\n" not in word and ". " not in word
    slashed = "/" in word and classify(word).kind != "composite"
    return word.lower().endswith(KNOWN) or format_of(word) is not None or slashed


def _is_file(text: str) -> bool:
    """Whether there is a file; a pipe is one, and a folder that is called as a formula is none."""
    return _leads(text, Path.exists) and not _is_folder(text)


def _is_folder(text: str) -> bool:
    return _leads(text, Path.is_dir)


def _leads(text: str, to: Callable[[Path], bool]) -> bool:
    """Whether a text, taken for a path, leads to what is asked for."""
    if len(text.encode()) > 4 * LONGEST_NAME or "\0" in text or "\n" in text:
        return False
    try:
        return to(Path(text))
    except OSError:  # a name that is too long for this system
        return False


def _of_file(text: str) -> str:
    """By the ending, as the encoders know it, or as the data set's readers do."""
    try:
        return modality_of(text)
    except UsageError:
        pass  # the data set's readers know more
    if Path(text).suffix.lower() == ".xrdml":
        return "xrd"
    if Path(text).suffix.lower() in IMAGE_ENDINGS:
        return "image"
    if format_of(text) is not None:
        return "structure"
    raise UntoldError(f"the name of {text} does not tell what it is", "say it with --as structure|text|image|xrd")


def words(text: str, modality: str) -> Any:
    """The value of words that were typed; they are never taken for a path.

    Raises:
        SearchError: they are no formula, or cannot be read.
    """
    if modality == "composition":
        formula = classify(text)
        if not formula.amounts:
            raise SearchError(f"{_short(text)!r} is no formula (it is {formula.kind}); write it like LiFePO4")
        return dict(formula.amounts)
    try:
        return cleaned(text)
    except TextError as error:
        raise SearchError(f"the query cannot be read: {error}") from error


def _read_file(path: Path, modality: str) -> Question:
    if modality in {"text", "composition"}:
        try:
            content = decoded(path.read_bytes())
        except (OSError, TextError) as error:
            raise SearchError(f"{path} cannot be read: {error}") from error
        return Question(modality=modality, value=words(content.strip(), modality), said=str(path))
    readers = {"structure": _structure, "image": _image, "xrd": _pattern}
    if modality not in readers:
        return Question(modality=modality, value=str(path), said=str(path))
    return readers[modality](path)


def _structure(path: Path) -> Question:
    if format_of(path.name) is None:  # the encoders read some formats of pymatgen that data sets do not hold
        return Question(modality="structure", value=str(path), said=str(path))
    record = _one(path, "structure", structures.read(path, disorder="majority"))
    notes = [record.provenance[name] for name in ("disorder", "isotopes") if name in record.provenance]
    assumed = (f"partly occupied sites are taken by their {note}" if note == "majority" else note for note in notes)
    return Question(modality="structure", value=record.value, said=str(path), notes=tuple(assumed))


def _image(path: Path) -> Question:
    record = _one(path, "image", micrographs.read(path))
    return Question(modality="image", value=record.value, said=str(path))


def _pattern(path: Path) -> Question:
    record = _one(path, "pattern", diffraction.read(path, wavelength=CU_K_ALPHA))
    notes = (f"{path.name}: copper radiation is assumed where the file names none",)
    assumed = notes if record.value["wavelength"] == CU_K_ALPHA else ()
    return Question(modality="xrd", value=record.value, said=str(path), notes=assumed)


def _one(path: Path, what: str, items: Iterable[Record | Refusal]) -> Record:
    """The only value of a file."""
    try:
        found: Sequence[Record | Refusal] = list(items)
    except DataError as error:
        raise SearchError(f"{path} cannot be read: {error}") from error
    good = [item for item in found if isinstance(item, Record)]
    if not good:
        reason = next((item.message for item in found if isinstance(item, Refusal)), f"it holds no {what}")
        raise SearchError(f"{path} cannot be read as a {what}: {reason}")
    if len(good) > 1:
        raise SearchError(f"{path} holds {len(good)} of them; a query is one {what}: write it into a file of its own")
    return good[0]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
