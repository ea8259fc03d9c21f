"""The tables of an index: what an entry is, where each value stands, and what the protocols say."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from comma_data.formulas import composition
from comma_data.sample import Sample
from comma_data.split import UNKNOWN

ENTRIES, FOUND, TEXTS = "entries.parquet", "found.parquet", "texts.parquet"
TARGET = "target."
"""In front of the name of a numeric target, in `ENTRIES`."""
ORIGIN = ("origin", "source", "doi", "joined_by", "key", "prototype", "space_group")
"""What is kept of a value's provenance."""

FOUND_SCHEMA = pa.schema(
    [
        ("modality", pa.string()),
        ("row", pa.int64()),
        ("entry", pa.int64()),
        ("place", pa.int32()),
        *((name, pa.string()) for name in ORIGIN),
    ]
)
"""One row for each place where a value stands, ordered by modality, row, entry and place.

`row` is that of the vector in the modality's array, `entry` the row of `ENTRIES`, `place` the value's number within the
sample.
"""
TEXTS_SCHEMA = pa.schema([("steps", pa.list_(pa.string()))])
"""The steps of each distinct text, in the order of its vectors."""


def entry_of(sample: Sample) -> dict[str, Any]:
    """A sample as it stands in the table of entries; formula and elements are empty where nobody knows them."""
    formula = sample.groups.get("formula", UNKNOWN)
    known = not formula.startswith(UNKNOWN)
    numbers = {name: float(value) for name, value in sample.targets.items() if not isinstance(value, str)}
    return {
        "id": sample.id,
        "formula": formula if known else "",
        "elements": sorted(composition(formula)) if known else [],
        "targets": numbers,
    }


def entries_table(entries: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Id, formula, elements, and a column for each numeric target; null where an entry lacks it."""
    names = sorted({name for entry in entries for name in entry["targets"]})
    columns: dict[str, pa.Array] = {
        "id": pa.array([entry["id"] for entry in entries], pa.string()),
        "formula": pa.array([entry["formula"] for entry in entries], pa.string()),
        "elements": pa.array([entry["elements"] for entry in entries], pa.list_(pa.string())),
    }
    for name in names:
        columns[f"{TARGET}{name}"] = pa.array([entry["targets"].get(name) for entry in entries], pa.float64())
    return pa.table(columns)


def found_table(found: Iterable[Sequence[Any]]) -> pa.Table:
    """The table of places from rows in the order of `FOUND_SCHEMA`."""
    columns = list(zip(*found, strict=True)) or [()] * len(FOUND_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, FOUND_SCHEMA, strict=True)]
    order = [(name, "ascending") for name in ("modality", "row", "entry", "place")]
    return pa.table(arrays, schema=FOUND_SCHEMA).sort_by(order)


def targets_of(entries: pa.Table) -> tuple[str, ...]:
    """Names of the numeric targets."""
    return tuple(name.removeprefix(TARGET) for name in entries.column_names if name.startswith(TARGET))
