"""Block YAML of plain values, as the head of a data card needs it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def dump(value: Mapping[str, Any]) -> str:
    """The YAML document of nested mappings and lists; texts are quoted, what cannot be printed is escaped."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    """Lines of a mapping or a list that is not empty."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{key}:", item)
        return
    for item in value:
        first, *rest = _lines(item) if _is_nested(item) else [_scalar(item)]
        yield f"- {first}"
        yield from (f"  {line}" for line in rest)


def _entry(head: str, item: Any) -> Iterator[str]:
    if not _is_nested(item):
        yield f"{head} {_scalar(item)}"
        return
    yield head
    yield from (f"  {line}" for line in _lines(item))


def _is_nested(item: Any) -> bool:
    return isinstance(item, (Mapping, list)) and bool(item)


def _scalar(item: Any) -> str:
    return _quoted(item) if isinstance(item, str) else json.dumps(item)


def _quoted(text: str) -> str:
    """Unlike JSON, YAML takes no pair of escapes for a character beyond the first 65,536."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'
