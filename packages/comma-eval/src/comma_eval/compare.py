"""Is one model better than another? Paired, on the same items, by group.

The interval of the difference is a bootstrap over groups (`metrics`). The p-value is that of a two-sided sign-flip
permutation test on the groups' mean differences: under the null hypothesis the two models are exchangeable, so each
group's difference could as well have had the other sign. All sign patterns are counted where there are at most
`DRAWS`; otherwise that many are drawn, and the observed one counts as one of them, so that p is never 0 (Phipson and
Smyth 2010, doi:10.2202/1544-6115.1585).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from comma_eval.errors import UsageError
from comma_eval.items import read as read_file
from comma_eval.metrics import Interval, group_means, paired_difference
from comma_eval.pooled import Answered, Key, by_model, side_by_side, told
from comma_eval.report import MODEL, Grid
from comma_eval.task import Item

DRAWS = 10_000
CHUNK = 1000
"""Patterns in memory at a time."""
SEED = 0

Choice = tuple[str, Mapping[Key, Answered]]
"""A name to show, and what was answered under it."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One metric of one question, answered by both."""

    labels: Mapping[str, str]
    metric: str
    a: float
    """Mean over groups."""
    b: float
    difference: Interval
    """Of a - b, with the number of groups."""
    p: float
    """Two-sided; not corrected for the number of comparisons."""
    items: int

    def as_dict(self) -> dict[str, Any]:
        """Labels and figures side by side."""
        found = self.difference
        figures = {"a": self.a, "b": self.b, "value": found.value, "low": found.low, "high": found.high}
        return {**self.labels, "metric": self.metric, **figures, "p": self.p, "n": found.n, "items": self.items}


def read(path: Path) -> list[Item]:
    """The items of a file that `--items` wrote, of all such files in a folder, or beside a report.

    Args:
        path: a Parquet file; a folder with one for each fold; or a report `NAME.json` beside whose there is
            `NAME.parquet` or `items.parquet`.

    Raises:
        UsageError: there are none.
    """
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if not files:
            raise UsageError(f"{path} holds no .parquet file: name a folder with what --items wrote")
        return list(chain.from_iterable(read_file(file) for file in files))
    if path.suffix == ".json":
        beside = [file for file in (path.with_suffix(".parquet"), path.with_name("items.parquet")) if file.is_file()]
        if not beside:
            raise UsageError(
                f"{path} is a report, which holds no single answers, and there is no {path.stem}.parquet or "
                f"items.parquet beside it: run the evaluation again with --items {path.with_suffix('.parquet')}"
            )
        return list(read_file(beside[0]))
    return list(read_file(path))


def choose(side: str, mine: Sequence[Item], other: Sequence[Item], names: Sequence[str] = ()) -> Choice:
    """Who is compared: the models named, or else the only one on this side that is not on the other.

    Lines that every report repeats (chance, element overlap, ...) are on both sides. Several names are taken as one
    model, trained once for each fold.

    Args:
        side: `A` or `B`, for messages.
        mine: items of this side.
        other: items of the other side.
        names: whose answers are taken.

    Raises:
        UsageError: a name is unknown, there is none or more than one to choose from, or an item is answered twice.
    """
    known, theirs = ({item.labels[MODEL]: None for item in items} for items in (mine, other))
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{side} holds no answers of {unknown[0]!r}; it holds those of: {', '.join(known)}")
    own = names or [name for name in known if name not in theirs] or list(known)
    if not names and len(own) != 1:
        raise UsageError(
            f"{side} holds answers of {', '.join(known) or 'nobody'}: say whose with --model-{side.lower()}"
        )
    name = " + ".join(own)
    told_by = [replace(item, labels={**item.labels, MODEL: name}) for item in mine if item.labels[MODEL] in own]
    return name, by_model(told_by).get(name, {})


def compare(a: Choice, b: Choice) -> tuple[Comparison, ...]:
    """Every metric of every question that both answered.

    Raises:
        UsageError: they share no question, or answered different items of one.
    """
    (first, ours), (second, theirs) = a, b
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise UsageError(
            f"{first} and {second} answered no question in common: "
            f"A was asked {_some(ours)}; B was asked {_some(theirs)}"
        )
    return tuple(_compared({f"A ({first})": ours[key], f"B ({second})": theirs[key]}, key) for key in shared)


def sign_flip(differences: Float[np.ndarray, " items"], groups: Sequence[str]) -> float:
    """Two-sided p-value of the mean over groups of the differences, by flipping the sign of each group's mean."""
    means = group_means(differences, groups)
    moving = means[means != 0]
    # sums of the same numbers in another order differ in the last bits
    observed = abs(moving.sum()) / len(means) - 1e-12 * np.abs(moving).sum()
    if 2 ** len(moving) <= DRAWS:
        patterns = 1 - 2 * ((np.arange(2 ** len(moving))[:, None] >> np.arange(len(moving))) & 1)
        return float((np.abs(patterns @ moving) / len(means) >= observed).mean())
    rng = np.random.default_rng(SEED)
    extreme = 1  # the observed pattern
    for start in range(1, DRAWS, CHUNK):
        signs = rng.integers(0, 2, size=(min(CHUNK, DRAWS - start), len(moving))) * 2.0 - 1
        extreme += int((np.abs(signs @ moving) / len(means) >= observed).sum())
    return extreme / DRAWS


def grid(found: Iterable[Comparison], names: tuple[str, str]) -> Grid:
    """One line a comparison."""
    header = ("question", "metric", names[0], names[1], "difference (95 %)", "p", "groups", "items")
    return Grid(title=f"{names[0]} minus {names[1]}", header=header, lines=tuple(_line(one) for one in found))


def to_json(found: Iterable[Comparison], names: tuple[str, str]) -> str:
    """Names and rows; `value` is the difference A - B."""
    document = {"a": names[0], "b": names[1], "rows": [one.as_dict() for one in found]}
    return json.dumps(document, indent=1, ensure_ascii=False)


def _line(one: Comparison) -> tuple[str, ...]:
    d = one.difference
    return (
        ", ".join(one.labels.values()),
        one.metric,
        f"{one.a:.3f}",
        f"{one.b:.3f}",
        f"{d.value:+.3f} ({d.low:+.3f} to {d.high:+.3f})",
        f"{one.p:.4f}",
        str(d.n),
        str(one.items),
    )


def _compared(pair: Mapping[str, Answered], key: Key) -> Comparison:
    a, b, groups = side_by_side(pair, key)
    labels = next(iter(pair.values())).labels
    return Comparison(
        labels=labels,
        metric=key[1],
        a=float(group_means(a, groups).mean()),
        b=float(group_means(b, groups).mean()),
        difference=paired_difference(a, b, groups),
        p=sign_flip(a - b, groups),
        items=len(a),
    )


def _some(asked: Mapping[Key, object]) -> str:
    first = [told(key) for key in list(asked)[:2]]
    return "; ".join(first) + ("; ..." if len(asked) > 2 else "")
