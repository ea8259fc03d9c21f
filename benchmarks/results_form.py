"""The one form of a committed result, and how it is written."""

import json
import math
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from comma_app.study.machine import machine, versions

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MEASURED = ("metric", "value", "low", "high", "n")
"""What every row has beside its labels."""

Row = Mapping[str, Any]


def row(
    metric: str, value: float | None, *, n: int, low: float | None = None, high: float | None = None, **labels: Any
) -> dict[str, Any]:
    """One figure with its labels; `low` and `high` are the 95 % interval, None where there is none."""
    return {**labels, "metric": metric, "value": value, "low": low, "high": high, "n": n}


def write_result(  # noqa: PLR0913 - the parts of the form
    name: str,
    what: str,
    command: str,
    rows: Iterable[Row],
    seconds: float,
    *,
    folder: Path = RESULTS,
    weights: Mapping[str, str] | None = None,
) -> Path:
    """Write `<folder>/<name>.json` and return its path.

    Args:
        name: File name without its ending.
        what: One sentence: what was measured, on what.
        command: What to type in the root of the repository to make the file again.
        rows: Labels, `metric`, `value` and `n`; `low` and `high` are null where a row lacks them.
        seconds: Wall time of the measurement.
        folder: Where to write.
        weights: Name -> sha256 of the weights of each trained model that the figures are of; `comma release model`
            takes a result only for these.

    Raises:
        ValueError: A row lacks a key, or holds a number that is not finite.
    """
    result = {
        "what": what,
        "command": command,
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "seconds": round(seconds, 3),
        **({"weights": dict(weights)} if weights else {}),
        "rows": [checked(dict(r)) for r in rows],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    part = path.with_suffix(".json.part")
    part.write_text(as_text(result), encoding="utf-8")
    part.replace(path)
    return path


def as_text(result: Mapping[str, Any]) -> str:
    """The JSON of a result, each entry of a list on a line of its own, so that a change of one figure is one line."""
    return "{\n" + ",\n".join(f" {_dumped(key)}: {_entries(value)}" for key, value in result.items()) + "\n}\n"


def _entries(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"  {_dumped(one)}" for one in value) + "\n ]"
    return _dumped(value)


def _dumped(value: Any) -> str:
    """JSON on one line; a number that is not finite is an error."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """The row with null intervals filled in."""
    values = {"low": None, "high": None, **values}
    missing = [key for key in MEASURED if key not in values]
    if missing:
        raise ValueError(f"row {values} lacks {', '.join(missing)}")
    infinite = [key for key, value in values.items() if isinstance(value, float) and not math.isfinite(value)]
    if infinite:
        raise ValueError(f"row {values}: {', '.join(infinite)} is not a finite number; write null for an unknown value")
    labels = {key: value for key, value in values.items() if key not in MEASURED}
    return {**labels, **{key: values[key] for key in MEASURED}}


def commit() -> str:
    """The checked-out commit, with `+changes` behind it where tracked files differ from it.

    Results do not count: a benchmark that writes its own piece by piece is no change of what makes them.
    """
    head = _output("git", "-C", str(ROOT), "rev-parse", "HEAD")
    told = ("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)benchmarks/results")
    changes = _output("git", "-C", str(ROOT), *told)
    return (head or "unknown") + ("+changes" if changes else "")


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
