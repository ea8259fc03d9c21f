"""ASE's databases in JSON.

Read here and not by ASE, which makes arrays of whatever shape the file asks for before it looks at their content.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.structure_formats.sites import Sites, Unread, full

_SYMBOLS = {z: symbol for symbol, z in ATOMIC_NUMBERS.items()}


def is_database(content: Any) -> bool:
    """Whether decoded JSON is a database of ASE."""
    return isinstance(content, dict) and {"ids", "nextid"} <= content.keys()


def read_rows(content: Mapping[str, Any]) -> Iterator[Sites | Unread]:
    """The rows of decoded JSON, named by their ids.

    Raises:
        StructureError: Code `ase-unreadable` where the ids are no list.
    """
    try:
        names = [str(int(number)) for number in _array(content["ids"]).ravel()]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StructureError("ase-unreadable", f"not a database of ASE: {error!r}") from error
    for name in names:
        row = content.get(name)
        yield structure(name, row if isinstance(row, dict) else {})


def structure(name: str, row: Mapping[str, Any]) -> Sites | Unread:
    """The structure of a row that has `numbers` and `positions`, and `cell` and `pbc` or none."""
    try:
        numbers = _array(row["numbers"]).ravel()
        periodic = np.array(_array(row.get("pbc", [0, 0, 0])).reshape(3), dtype=bool)
        cell = _array(row.get("cell", np.zeros((3, 3)))).reshape(3, 3)
        return Sites(
            name=name,
            species=[full(_SYMBOLS.get(z, f"Z = {z:g}")) for z in numbers],
            positions=_array(row["positions"]).reshape(len(numbers), 3),
            cell=np.where(periodic[:, None], cell, 0.0),
            periodic=periodic,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return Unread(name=name, error=StructureError("ase-unreadable", f"row {name}: {error!r}"))


def _array(value: Any) -> np.ndarray:
    """An array as ASE writes it: shape, type and flat content, a nested list, or an object that holds one."""
    if isinstance(value, dict) and "__ndarray__" in value:
        shape, _, flat = value["__ndarray__"]
        return np.array(flat, dtype=float).reshape(shape)
    return _array(value["array"]) if isinstance(value, dict) else np.array(value, dtype=float)
