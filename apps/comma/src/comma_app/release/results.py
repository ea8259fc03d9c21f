"""Figures for a card: read from result files, each proven to be of the model that is released."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_encoders.folder import sha256

from comma_app.release.errors import ForeignResultError, ResultError

FORM = "the JSON of `comma eval TASK MODEL --json`, or a file of benchmarks/results"
TOLD = ("command", "commit")
"""What a card says of a file beside its facts, where the file says it."""
KNOWN = ("model", "model weights")
"""Facts that the card says itself."""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a result file holds."""

    rows: tuple[Row, ...]
    origin: Mapping[str, str]
    """Name and sha256 of the file, and what it says of itself."""


def read(path: Path, weights: str, metrics: Collection[str] = ()) -> Figures:
    """The figures of a file.

    Args:
        path: of the file.
        weights: sha256 of the weights of the model that the figures have to be of.
        metrics: those that are taken; all where none is named.

    Raises:
        ResultError: it is none of the two forms, or has none of the metrics.
        ForeignResultError: it is of another model, or does not say of which.
    """
    document = _document(path)
    _check_model(path, document, weights)
    task = {"task": document["task"]} if "task" in document else {}
    others = _others(document, weights)
    rows = [{**task, **_checked(row, path)} for row in document["rows"] if row.get("model") not in others]
    chosen = tuple(row for row in rows if not metrics or row["metric"] in metrics)
    if not chosen:
        there = ", ".join(dict.fromkeys(str(row["metric"]) for row in rows)) or "none"
        raise ResultError(f"{path} has no figure {' or '.join(metrics) or 'at all'}; its metrics are {there}")
    return Figures(rows=chosen, origin=dict(_origin(path, document)))


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultError(f"{path} cannot be read as JSON ({error}); give {FORM}") from error
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise ResultError(f"{path} holds no list `rows`; give {FORM}")
    if "primary" in document:
        raise ResultError(f"{path} is the result of a study of several models; give {FORM} of this one")
    return document


def _check_model(path: Path, document: Mapping[str, Any], weights: str) -> None:
    """Refuse figures that are not of these weights."""
    told = document.get("weights", {})
    named = set(told.values() if isinstance(told, Mapping) else ())
    named |= {of for of in (_facts(document).get("model weights"),) if of}
    if not named:
        raise ForeignResultError(
            f"{path} does not say of which weights its figures are; ask again: `comma eval TASK MODEL --json`"
        )
    if weights not in named:
        others = ", ".join(str(one)[:16] for one in sorted(map(str, named)))
        raise ForeignResultError(
            f"{path} is of another model: its weights have the sha256 {others}, those of the release {weights[:16]}; "
            "ask this model again: `comma eval TASK MODEL --json`"
        )


def _others(document: Mapping[str, Any], weights: str) -> set[str]:
    """Models of other weights that the file has figures of too."""
    told = document.get("weights", {})
    return {str(name) for name, of in told.items() if of != weights} if isinstance(told, Mapping) else set()


def _facts(document: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = document.get("facts", {})
    return facts if isinstance(facts, Mapping) else {}


def _checked(row: Any, path: Path) -> Row:
    """A row of the form of a committed result."""
    if not isinstance(row, dict) or not isinstance(row.get("metric"), str) or "value" not in row:
        raise ResultError(f"{path}: the row {json.dumps(row)[:200]} lacks metric or value; give {FORM}")
    return row


def _origin(path: Path, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", path.name
    yield "sha256", sha256(path)
    yield from ((key, str(document[key])) for key in TOLD if key in document)
    # all of them: a view, a head or corrupted steps make other figures
    yield from ((key, str(value)) for key, value in _facts(document).items() if key not in KNOWN)


def gather(paths: Sequence[Path], weights: str, metrics: Collection[str] = ()) -> dict[str, Any]:
    """What a manifest says of figures: `metrics` and `results`; nothing where there is no file.

    Raises:
        ResultError: as `read`, or two files answer one question.
    """
    found = [read(path, weights, metrics) for path in paths]
    if not found:
        return {}
    _refuse_doubles(found)
    return {"metrics": [row for one in found for row in one.rows], "results": [dict(one.origin) for one in found]}


def _refuse_doubles(found: Sequence[Figures]) -> None:
    """Refuse two figures of one name: a card would show one of them, and not how it was asked."""
    seen: dict[tuple[tuple[str, str], ...], str] = {}
    for one in found:
        for row in one.rows:
            key = tuple(sorted((k, str(v)) for k, v in row.items() if k not in ("value", "low", "high", "n")))
            first = seen.setdefault(key, one.origin["file"])
            if first != one.origin["file"]:
                raise ResultError(
                    f"{first} and {one.origin['file']} both give {row['metric']} of one question, perhaps asked in "
                    "another way: name one of them"
                )
