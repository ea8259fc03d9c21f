"""This run's ratios beside the committed ones: a row is too slow when it falls below half."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.suite.measure import RATIO

ALLOWED = 0.5
"""Share of the committed ratio that is still taken for noise and another machine."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One row's ratio beside the committed one."""

    name: str
    ratio: float | None
    """None where this run did not measure it."""
    committed: float | None
    """None where the committed result lacks it."""

    @property
    def too_slow(self) -> bool:
        """Whether both are known and the ratio is below half of the committed one."""
        return self.ratio is not None and self.committed is not None and self.ratio < ALLOWED * self.committed

    def __str__(self) -> str:
        """What was found, for a row that is too slow."""
        return f"row {self.name!r}: ratio {self.ratio:.3g} is below half of the committed {self.committed:.3g}"


def ratios(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Row name -> ratio; rows of other metrics are absolute figures, which other machines do not repeat."""
    return {row["row"]: row["value"] for row in rows if row["metric"] == RATIO}


def compare(rows: Iterable[Mapping[str, Any]], committed: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    """A verdict for every row of either, this run's first."""
    now, then = ratios(rows), ratios(committed)
    return [Verdict(name=name, ratio=now.get(name), committed=then.get(name)) for name in {**now, **then}]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a result, none where there is no such file."""
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    return rows


def read_cpu(path: Path) -> str | None:
    """The processor on which a result was measured, None where there is no such file."""
    return str(json.loads(path.read_text(encoding="utf-8"))["machine"]["cpu"]) if path.is_file() else None
