"""Rows -> Parquet files, a group of rows at a time."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from comma_data.errors import MissingPackageError
from comma_data.export.columns import Column, Type, Vector
from comma_data.export.features import json_features
from comma_data.export.rows import Row
from comma_data.storage import complete_file

GROUP_BYTES = 16 * 2**20
"""Raw bytes of the samples that are held in memory and written as one row group."""
GROUP_ROWS = 1000
"""Rows of a group, where the samples are small."""


def pyarrow() -> ModuleType:
    """The package that writes Parquet.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and slow to import
        import pyarrow.parquet  # noqa: PLC0415 - makes pa.parquet known
    except ImportError as error:
        raise MissingPackageError("an export needs pyarrow: pip install 'comma-data[export]'") from error
    return pa


def schema(columns: Sequence[Column]) -> Any:
    """The Arrow schema, with what `datasets` needs to see images in it.

    Raises:
        MissingPackageError: pyarrow is not installed.
    """
    pa = pyarrow()
    known = json.dumps({"info": {"features": json_features(columns)}})
    return pa.schema([(c.name, _arrow(c.type, pa)) for c in columns], metadata={"huggingface": known})


def write(rows: Iterable[tuple[Row, int]], path: Path, columns: Sequence[Column]) -> int:
    """Write one file; the same rows give the same bytes, under one version of pyarrow.

    Args:
        rows: Each with the raw bytes of its sample, by which the groups are cut.
        path: The file; complete or not there.
        columns: Of the rows; other keys of a row are left out.

    Returns:
        Bytes of the rows in memory, as Arrow counts them.

    Raises:
        StorageError: The disk is full or does not take the file.
    """
    pa = pyarrow()
    layout = schema(columns)
    with (
        complete_file(path) as file,
        pa.parquet.ParquetWriter(file, layout, compression="zstd", use_dictionary=False) as writer,
    ):
        held = 0
        for group in _groups(rows):
            table = pa.Table.from_pylist(group, schema=layout)
            writer.write_table(table)
            held += table.nbytes
    return held


def _groups(rows: Iterable[tuple[Row, int]]) -> Iterator[list[Row]]:
    group: list[Row] = []
    held = 0
    for row, size in rows:
        group.append(row)
        held += size
        if held >= GROUP_BYTES or len(group) == GROUP_ROWS:
            yield group
            group, held = [], 0
    if group:
        yield group


def _arrow(kind: Type, pa: ModuleType) -> Any:
    if isinstance(kind, Vector):
        return pa.list_(_arrow(kind.dtype, pa), kind.length)
    if isinstance(kind, list):
        return pa.list_(_arrow(kind[0], pa))
    if isinstance(kind, dict):
        return pa.struct([(name, _arrow(inner, pa)) for name, inner in kind.items()])
    if kind == "image":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.bool_() if kind == "bool" else getattr(pa, kind)()
