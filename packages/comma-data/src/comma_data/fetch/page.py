"""What every server's answers become, and what is asked of it."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from comma_data.errors import ConfigError
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.sample import Refusal

Cell = float | int | str | bool | None
"""A value of the table of properties."""

UNNAMED = "unnamed"
"""Key of a record whose server gives no id."""
REPEATED = "repeated"
"""Code of a record that came before."""
LONGEST_TEXT = 200
"""Characters of a cell."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked for. A folder holds the answer to one query; another query needs another folder."""

    origin: str
    """Name of the module that asks: `mp` or `optimade`."""
    url: str
    """Address of the server."""
    elements: tuple[str, ...] = ()
    """Symbols that a material has to contain, all of them."""
    filter: str | None = None
    """More conditions, in the language of the server."""
    fields: tuple[str, ...] = ()
    """Columns of the table besides id, formula and number of sites."""
    limit: int | None = None
    """Records, at most."""
    page: int = 200
    """Records in one answer."""

    def __post_init__(self) -> None:
        """Refuse what no server could answer.

        Raises:
            ConfigError: An unknown element, or a number below 1.
        """
        unknown = [symbol for symbol in self.elements if symbol not in ATOMIC_NUMBERS]
        if unknown:
            raise ConfigError(f"elements: {', '.join(unknown)}: give symbols from H to Og, such as Li,Fe,O")
        for name, value in (("limit", self.limit), ("page", self.page)):
            if value is not None and value < 1:
                raise ConfigError(f"{name}: {value}: give a number from 1")

    @property
    def size(self) -> int:
        """Records to ask for at once."""
        return min(self.page, self.limit or self.page)

    def as_json(self) -> dict[str, Any]:
        """As it stands in the journal: plain JSON."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return document


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One material as it is stored."""

    key: str
    """`[A-Za-z0-9_-]`: the stem of its file and its id in the table."""
    structure: Mapping[str, Any]
    """As pymatgen's `Structure.as_dict` or `Molecule.as_dict`; lengths in Å."""
    row: Mapping[str, Cell]
    """Column -> value; None where the server has none."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer."""

    items: tuple[Entry | Refusal, ...]
    next: str | None
    """What the following page is asked with; None after the last."""
    announced: int | None = None
    """Records that the server says the whole query has."""


class Connection(Protocol):
    """A server that has answered once."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What identifies the state of its collection (version of the database), and its licence."""
        ...

    def page(self, cursor: str | None) -> Page:
        """One page, the first with None.

        Raises:
            FetchError: No answer, or none that can be used.
        """
        ...


def safe_key(identifier: str) -> str:
    """An id as a file name: `cod/1000041` becomes `cod-1000041`; empty where nothing of it can stay."""
    return _UNSAFE.sub("-", identifier).strip("-")[:100]


def cell(column: str, value: Any) -> Cell:
    """The value, if it can stand in a table.

    Raises:
        ValueError: A list, a mapping, or text that is long or not printable.
    """
    if isinstance(value, str) and (len(value) > LONGEST_TEXT or not value.isprintable()):
        raise ValueError(f"{column}: text of {len(value)} characters; a line of up to {LONGEST_TEXT} can be stored")
    if not isinstance(value, Cell):
        raise ValueError(f"{column}: a {type(value).__name__}; numbers, texts, true and false can be stored")  # noqa: TRY004 - the caller makes one refusal of both
    return value
