"""The columns' types in the two notations of Hugging Face: the JSON inside a Parquet file and the YAML of a card."""

from collections.abc import Sequence
from typing import Any

from comma_data.export.columns import Column, Type, Vector

Feature = dict[str, Any]


def json_features(columns: Sequence[Column]) -> Feature:
    """Column -> feature, as `datasets` (4 and later) keeps it in the key `huggingface` of an Arrow schema."""
    return {column.name: _json(column.type) for column in columns}


def card_features(columns: Sequence[Column]) -> list[Feature]:
    """The list `features` of a data card."""
    return [{"name": column.name, **_card(column.type)} for column in columns]


def _json(kind: Type) -> Feature:
    if isinstance(kind, Vector):
        return {"feature": _json(kind.dtype), "length": kind.length, "_type": "List"}
    if isinstance(kind, list):
        return {"feature": _json(kind[0]), "_type": "List"}
    if isinstance(kind, dict):
        return {name: _json(inner) for name, inner in kind.items()}
    return {"_type": "Image"} if kind == "image" else {"dtype": kind, "_type": "Value"}


def _card(kind: Type) -> Feature:
    if isinstance(kind, Vector):
        return {"list": kind.dtype, "length": kind.length}
    if isinstance(kind, list):
        inner = _card(kind[0])
        return {"list": inner.get("dtype") or inner.get("struct") or inner}
    if isinstance(kind, dict):
        return {"struct": [{"name": name, **_card(inner)} for name, inner in kind.items()]}
    return {"dtype": kind}
