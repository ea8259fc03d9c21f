"""What every model did on every single item, kept on disk for paired tests."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from comma_data.storage import complete_file

from comma_eval.errors import MissingPackageError, UsageError
from comma_eval.report import MODEL
from comma_eval.task import Item

COLUMNS = ("labels", "item", "group", "metric", "value")
"""`labels` is a JSON object with sorted keys: the question, and `model`."""


def write(items: Iterable[Item], path: Path) -> int:
    """Write all items as Parquet; the file is complete or not there.

    Returns:
        How many.

    Raises:
        MissingPackageError: pyarrow is not installed.
    """
    pa = pyarrow()
    rows = [(_told(item.labels), item.item, item.group, item.metric, float(item.value)) for item in items]
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    kinds = (pa.string(), pa.string(), pa.string(), pa.string(), pa.float64())
    table = pa.table({n: pa.array(c, k) for n, c, k in zip(COLUMNS, columns, kinds, strict=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    with complete_file(path) as file:
        pa.parquet.write_table(table, file)
    return len(rows)


def read(path: Path) -> Iterator[Item]:
    """Read what `write` wrote.

    Raises:
        UsageError: the file is not there, or is not of this kind.
        MissingPackageError: pyarrow is not installed.
    """
    pa = pyarrow()
    if not path.is_file():
        raise UsageError(f"{path} is not there: write it with `comma eval TASK ... --items {path}`")
    try:
        table = pa.parquet.read_table(path, columns=list(COLUMNS))
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        raise UsageError(f"{path} holds no items of an evaluation ({error}): name a file that --items wrote") from error
    for row in table.to_pylist():
        yield Item(**{**row, "labels": _labels(row["labels"], path)})


def _labels(told: str | None, path: Path) -> dict[str, str]:
    try:
        labels = json.loads(told or "")
    except ValueError:
        labels = None
    if not isinstance(labels, dict) or MODEL not in labels:
        raise UsageError(f"{path} has labels that say no model ({told!r:.80}): name a file that --items wrote")
    return labels


def _told(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False)


def pyarrow() -> ModuleType:
    """The package, to be asked for before any work.

    Raises:
        MissingPackageError: with the pip line.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and slow to import
        import pyarrow.parquet  # noqa: PLC0415 - makes pa.parquet known
    except ImportError as error:
        raise MissingPackageError("single items are kept as Parquet: pip install 'comma-eval[items]'") from error
    return pa
