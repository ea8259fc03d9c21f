import builtins

import pytest
from comma_eval import items
from comma_eval.errors import MissingPackageError, UsageError
from comma_eval.task import Item


def item(number, model="mine"):
    labels = {"model": model, "direction": "structure -> protocol"}
    return Item(labels=labels, item=f"s-{number}", group="MgO", metric="R@1", value=number / 3)


def test_what_is_written_is_read(tmp_path):
    pytest.importorskip("pyarrow")
    written = [item(1), item(2, "théirs")]
    assert items.write(written, tmp_path / "new" / "items.parquet") == 2
    assert list(items.read(tmp_path / "new" / "items.parquet")) == written


def test_no_items_are_a_file_too(tmp_path):
    pytest.importorskip("pyarrow")
    items.write([], tmp_path / "items.parquet")
    assert list(items.read(tmp_path / "items.parquet")) == []


@pytest.mark.parametrize("content", [None, b"", b"PAR1 nonsense"])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    pytest.importorskip("pyarrow")
    path = tmp_path / "items.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"items\.parquet"):
        list(items.read(path))


@pytest.mark.parametrize("labels", ["x", '{"a": "b"}', "[]", None])
def test_labels_that_say_no_model_are_refused(tmp_path, labels):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"labels": [labels], "item": ["i"], "group": ["g"], "metric": ["R@1"], "value": [1.0]}
    table = pa.table(columns).cast(pa.schema([(n, pa.string()) for n in list(columns)[:4]] + [("value", pa.float64())]))
    parquet.write_table(table, tmp_path / "items.parquet")
    with pytest.raises(UsageError, match=r"items\.parquet has labels that say no model"):
        list(items.read(tmp_path / "items.parquet"))


def test_without_pyarrow_the_pip_line(tmp_path, monkeypatch):
    real = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *rest: (_ for _ in ()).throw(ImportError(name)) if name == "pyarrow" else real(name, *rest),
    )
    with pytest.raises(MissingPackageError, match=r"pip install 'comma-eval\[items\]'"):
        items.write([item(1)], tmp_path / "items.parquet")
