"""Vectors with their names into a file: Parquet, CSV, NPZ or JSON lines, by its ending."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from comma_encoders.errors import MissingDependencyError, UsageError


@dataclass(frozen=True, kw_only=True)
class Table:
    """One row a value."""

    values: Sequence[str]
    """Path or formula, as it was given."""
    modalities: Sequence[str]
    vectors: Float[np.ndarray, "values dim"]
    """float32."""

    def rows(self) -> Iterator[tuple[str, str, list[float]]]:
        """(value, modality, vector)."""
        return zip(self.values, self.modalities, self.vectors.tolist(), strict=True)


def lines(table: Table) -> Iterator[str]:
    """One JSON object a line: `value`, `modality`, `vector`."""
    for value, modality, vector in table.rows():
        row = {"value": value, "modality": modality, "vector": vector}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _jsonl(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(lines(table))


def _csv(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["value", "modality", *(f"v{i}" for i in range(table.vectors.shape[1]))])
        writer.writerows([value, modality, *vector] for value, modality, vector in table.rows())


def _npz(table: Table, path: Path) -> None:
    values, modalities = np.array(table.values, dtype=np.str_), np.array(table.modalities, dtype=np.str_)
    with path.open("wb") as out:
        np.savez(out, vectors=table.vectors, values=values, modalities=modalities)


def _parquet(table: Table, path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415  an optional package, checked by `writer`
    import pyarrow.parquet  # noqa: PLC0415  likewise

    flat = pa.array(table.vectors.ravel(), type=pa.float32())
    columns = {
        "value": pa.array(list(table.values)),
        "modality": pa.array(list(table.modalities)),
        "vector": pa.FixedSizeListArray.from_arrays(flat, table.vectors.shape[1]),
    }
    pyarrow.parquet.write_table(pa.table(columns), path)


WRITERS: dict[str, Callable[[Table, Path], None]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".npz": _npz,
    ".parquet": _parquet,
}


def writer(path: Path | None) -> Callable[[Table], None]:
    """What writes a table there; None writes JSON lines to the standard output. Call it before the work begins.

    A file appears under its name when it is complete.

    Raises:
        UsageError: an ending that no table has, a folder, or one that does not exist; later, a full disk or no
            permission.
        MissingDependencyError: Parquet without pyarrow.
    """
    if path is None:
        return lambda table: sys.stdout.writelines(lines(table))
    if path.suffix.lower() not in WRITERS:
        raise UsageError(f"{path}: --out has to end with {', '.join(WRITERS)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder {path.absolute().parent}"
        raise UsageError(f"{path}: {what}; give the path of a file to write")
    if path.suffix.lower() == ".parquet":
        _need_pyarrow()
    return lambda table: _whole(table, path)


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415  only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet files need pyarrow. Remedy: pip install 'comma-encoders[table]', or give --out an ending of "
            ".csv, .npz or .jsonl"
        ) from error


def _whole(table: Table, path: Path) -> None:
    """Write under another name, then rename."""
    staged = path.with_name(f".{path.name}.part")
    try:
        WRITERS[path.suffix.lower()](table, staged)
        staged.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}") from error
    finally:
        staged.unlink(missing_ok=True)
