"""Reading the tables: embedded ones, or a user's own in the same form."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from comma_data.errors import DataError
from comma_data.textbook.models import Prototype

PROTOTYPES = "prototypes.toml"
SOURCES = "sources.toml"


class _Table(BaseModel):
    """A file of crystals; its rows are validated one by one."""

    model_config = ConfigDict(extra="forbid")

    crystal: list[dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row as it stands in a file."""

    file: str
    number: int
    """Counted from 1."""
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The row's id where it gives one, otherwise its number."""
        given = self.values.get("id")
        return given if isinstance(given, str) and given else f"row {self.number}"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Prototypes, sources, and the rows that refer to them."""

    prototypes: Mapping[str, Prototype]
    citations: Mapping[str, str]
    entries: tuple[Entry, ...]


def load(path: Path | None = None) -> Tables:
    """The embedded tables, or those at `path` with the embedded prototypes and sources beside their own.

    Args:
        path: A table of crystals, or a folder of them that may hold `prototypes.toml` and `sources.toml`.

    Raises:
        DataError: A file is missing, no TOML, or not of the form of a table.
    """
    embedded = resources.files("comma_data") / "textbook"
    prototypes = _prototypes(embedded / PROTOTYPES)
    citations = _citations(embedded / SOURCES)
    if path is None:
        return Tables(prototypes=prototypes, citations=citations, entries=_entries((embedded / "crystals").iterdir()))
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; give a TOML table of crystals, or a folder of them")
    if path.is_file():
        return Tables(prototypes=prototypes, citations=citations, entries=_entries([path]))
    return Tables(
        prototypes={**prototypes, **_prototypes(path / PROTOTYPES)},
        citations={**citations, **_citations(path / SOURCES)},
        entries=_entries(path.glob("*.toml")),
    )


def cite(source: str, citations: Mapping[str, str]) -> str:
    """The citation behind a key of the table of sources; a text with blanks is a citation itself.

    Raises:
        DataError: A single word that is no key.
    """
    if source in citations:
        return citations[source]
    if " " in source.strip():
        return source
    raise DataError(unknown("source", source, citations) + f", add it to {SOURCES}, or write the citation in full")


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """What to say of a name that does not exist: the nearest one that does."""
    near = difflib.get_close_matches(given, list(known), n=1)
    return f"unknown {what} {given!r}; " + (f"did you mean {near[0]!r}?" if near else "none is like it")


def explain(error: ValidationError) -> str:
    """Every fault of a row in one line: field, what was given, what is wrong."""
    faults = (
        f"{'.'.join(map(str, f['loc'])) or 'row'}: {f['msg']} (given {_short(f['input'])})" for f in error.errors()
    )
    return "; ".join(faults)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _entries(files: Iterable[Traversable]) -> tuple[Entry, ...]:
    tables = (f for f in files if f.name.endswith(".toml") and f.name not in {PROTOTYPES, SOURCES})
    return tuple(entry for file in sorted(tables, key=lambda f: f.name) for entry in _rows(file))


def _rows(file: Traversable) -> Iterator[Entry]:
    try:
        table = _Table.model_validate(_toml(file))
    except ValidationError as error:
        raise DataError(f"{file}: {explain(error)}; a table is a list of [[crystal]]") from error
    for number, values in enumerate(table.crystal, start=1):
        yield Entry(file=file.name, number=number, values=values)


def _prototypes(file: Traversable) -> dict[str, Prototype]:
    found = {}
    for name, values in _toml(file).items():
        try:
            found[name] = Prototype.model_validate(values)
        except ValidationError as error:
            raise DataError(f"{file}: prototype {name}: {explain(error)}") from error
    return found


def _citations(file: Traversable) -> dict[str, str]:
    found = _toml(file)
    for key, text in found.items():
        if not isinstance(text, str) or " " not in text.strip():
            raise DataError(f"{file}: source {key}: given {_short(text)}; write the citation as one string")
    return found


def _toml(file: Traversable) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: not readable as TOML in UTF-8: {error}") from error
