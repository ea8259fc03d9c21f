"""What a file says about a structure, before anything is decided about it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from comma_data.errors import StructureError

Species = tuple[str, float | None, float]
"""(symbol as written, formal charge or None, occupancy)."""


@dataclass(frozen=True, kw_only=True)
class Sites:
    """One structure of a file."""

    name: str
    """Name or number of its block, frame or entry."""
    species: Sequence[tuple[Species, ...]]
    """What occupies each of the n sites."""
    positions: np.ndarray
    """Cartesian, (n, 3), Å."""
    cell: np.ndarray
    """Rows are the lattice vectors, (3, 3), Å."""
    periodic: np.ndarray
    """(3,), bool."""
    formula: str | None = None
    """Reduced formula that the file states, None where it states none that can be read."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A structure of a file that cannot be read, while others of the file may be."""

    name: str
    """Name or number of its block, frame or entry."""
    error: StructureError
    """Why."""


Reader = Callable[[bytes], Iterator[Sites | Unread]]
"""Content of a file -> its structures in stored order; raises `StructureError` where the whole is not of the format."""


def full(symbol: str, charge: float | None = None) -> tuple[Species, ...]:
    """A site that one species occupies."""
    return ((symbol, charge, 1.0),)


def molecule_cell() -> tuple[np.ndarray, np.ndarray]:
    """Cell and periodicity of what does not repeat."""
    return np.zeros((3, 3)), np.zeros(3, dtype=bool)


def cartesian(fractional: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Positions (n, 3) in Å; where a file's absurd numbers overflow, infinities, which the guard refuses."""
    with np.errstate(over="ignore", invalid="ignore"):
        product: np.ndarray = fractional @ cell
    return product


def text_of(data: bytes) -> str:
    """The file as text.

    Raises:
        StructureError: Code `not-utf-8`.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StructureError("not-utf-8", f"{error.reason} at byte {error.start}; save it as UTF-8") from error


def number(text: str) -> float:
    """A number, as Fortran writes it too (`1.0D+00`).

    Raises:
        ValueError: It is none.
    """
    try:
        return float(text)
    except ValueError:
        return float(text.replace("D", "e").replace("d", "e"))
