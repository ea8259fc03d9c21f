"""Attributions of the similarity of a pair: removal of what they name, random weights, planted causes.

Run in the root of the repository; the data set is `comma data build materials-project`, for micrographs and patterns
`comma data build textbook` with a run of `comma align run demo` on it:

    python -m benchmarks.explain_checks data/materials-project --demo runs/demo --demo-data data/textbook

What counts was written down before any figure was seen:

- removal: the similarity without the top 20 % of the parts (rounded, at least one) is below the mean over 20 random
  removals of as many;
- random weights: Spearman's correlation of |contribution| with that of models with random weights, mean over three;
  pairs where it is defined;
- planted: the foreign atom or word has the lowest contribution of all parts; by size |contribution| beside it.

On validation some foreign elements turned out to cost no similarity at all (Ho among Lu), so that there is no cause to
find. Beside the figure of the first plant of each pair, which stays what was promised, stands that of the first of up
to 20 that costs 0.02: a cause.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.shards import ShardSet
from comma_encoders.model import AlignedModel
from comma_eval.metrics import mean_interval
from comma_eval.runs import model_folder
from comma_eval.untrained import untrained
from comma_explorer.explain.attribution import METHODS, mean
from comma_explorer.explain.checks import deletion, rank_correlation
from comma_explorer.explain.side import Side, of_model, score, side

from benchmarks.explain_checks import planted
from benchmarks.explain_checks.pairs import ATOMS, Pair, pairs
from benchmarks.results_form import RESULTS, row, write_result

PAIRS = 100
OTHERS = 30
"""Pairs with a micrograph or a pattern."""
SMOKE = 4
SHARE = 0.2
COSTS = 0.02
"""Loss of similarity from which on a planted part is a cause."""
TRIES = 20
"""Plants of a pair, until one is a cause."""
SEEDS = 3
DRAWS = 2000
DEMO = (("structure", "image"), ("structure", "xrd"))


@dataclass(kw_only=True)
class Found:
    """What came out for one modality and method, pair by pair."""

    lower: list[float] = field(default_factory=list)
    drops: list[tuple[float, float]] = field(default_factory=list)
    """Loss of similarity by the top parts, and by random ones."""
    correlation: list[float] = field(default_factory=list)
    lowest: list[float] = field(default_factory=list)
    causes: list[float] = field(default_factory=list)
    """The same, of the first plant that costs similarity."""
    largest: list[float] = field(default_factory=list)
    chance: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="data set with structures and texts")
    parser.add_argument("--model", default="comma-small", help="folder, run, or model of the package")
    parser.add_argument("--demo", type=Path, help="run with micrographs and patterns")
    parser.add_argument("--demo-data", type=Path, help="the data set of that run")
    parser.add_argument("--part", default="test", help="test, or validation for choices: that writes no result")
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE} pairs of the validation part, no result")
    asked = parser.parse_args(arguments)
    start, count = time.monotonic(), SMOKE if asked.smoke else PAIRS
    part = "validation" if asked.smoke else asked.part
    parts = [(asked.model, asked.data, (("structure", "text"),), count)]
    parts += [(asked.demo, asked.demo_data, (kind,), min(count, OTHERS)) for kind in DEMO if asked.demo]
    rows: list[dict[str, Any]] = []
    for model, data, kinds, most in parts:
        rows += _rows(model, data, part, kinds, most)
        if part == "test":  # after each part, so that an interruption loses no more than one
            _write(rows, time.monotonic() - start)
    if part != "test":
        print(*rows, sep="\n")


def _write(rows: Sequence[dict[str, Any]], seconds: float) -> None:
    path = write_result(
        "explain-checks",
        what=(
            "Attributions of the similarity of pairs: values of one entry, one a formula, of the fold that the model "
            f"was trained without, the first {PAIRS} formulas by hash ({OTHERS} with micrographs and patterns; "
            f"structures of {ATOMS[0]} to {ATOMS[1]} atoms): whether removing the 20 % of the parts that contribute "
            "most lowers the similarity more than random removals; rank correlation of |contribution| with models of "
            "random weights (median, interval by bootstrap over pairs); how often a planted foreign atom or precursor "
            "ranks first"
        ),
        command="python -m benchmarks.explain_checks data/materials-project --demo runs/demo --demo-data data/textbook",
        rows=rows,
        seconds=seconds,
        folder=RESULTS,
    )
    print(f"wrote {path}", file=sys.stderr)


def _rows(
    model: Path | str, place: Path, part: str, kinds: Sequence[tuple[str, str]], count: int
) -> Iterator[dict[str, Any]]:
    """All figures of one model."""
    loaded = AlignedModel.from_pretrained(model_folder(Path(model)))
    others = [untrained(loaded, seed).eval() for seed in range(SEEDS)]
    data = ShardSet(place)
    name = str(loaded.about.get("run", model))
    for kind in kinds:
        chosen = pairs(data, loaded, part, kind, count)
        pool = planted.Pool.of([value for pair in chosen for value in pair.values])
        found: dict[tuple[str, str], Found] = {}
        for number, pair in enumerate(chosen):
            for asked in _asked(loaded, others, pair, pool, np.random.default_rng([0, number])):
                _check(asked, {m: found.setdefault((asked.side.modality, m), Found()) for m in _methods(asked.side)})
            print(f"{name}, {'-'.join(kind)}: {number + 1} of {len(chosen)}", file=sys.stderr)
        for (modality, method), of in found.items():
            labels = {"model": name, "part": part, "pair": "-".join(kind), "explained": modality, "method": method}
            yield from _figures(of, labels)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One value of a pair."""

    side: Side
    by_chance: Sequence[Side]
    """As models with random weights see it."""
    first: "Planted | None"
    """What was planted first."""
    cause: "Planted | None"
    """The first of what was planted that costs similarity."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A value with a foreign part."""

    side: Side
    place: int
    """Of that part."""


def _asked(
    model: AlignedModel, others: Sequence[AlignedModel], pair: Pair, pool: planted.Pool, rng: np.random.Generator
) -> Iterator[Asked]:
    """Both values of a pair."""
    for this, other in (pair.values, pair.values[::-1]):
        asked = _side(model, this, other)
        tries = (_planted(model, this, other, _changed(this, other, pool, rng)) for _ in range(TRIES))
        first = next(tries)
        most = score(asked) - COSTS
        plants = itertools.chain([first], tries)
        yield Asked(
            side=asked,
            by_chance=[of_model(asked, m, m.encode(other[0], [other[1]])[0]) for m in others],
            first=first,
            cause=next((plant for plant in plants if plant is not None and score(plant.side) <= most), None),
        )


def _planted(
    model: AlignedModel, this: tuple[str, Any], other: tuple[str, Any], changed: tuple[Any, int] | None
) -> Planted | None:
    return None if changed is None else Planted(side=_side(model, (this[0], changed[0]), other), place=changed[1])


def _check(asked: Asked, found: Mapping[str, Found]) -> None:
    """One value with all methods."""
    by_chance = [_every(other) for other in asked.by_chance]
    first = None if asked.first is None else _every(asked.first.side)
    cause = first if asked.cause is asked.first else None if asked.cause is None else _every(asked.cause.side)
    for method, values in _every(asked.side).items():
        of = found[method]
        _removed(asked.side, values, of)
        _compared(values, [every[method] for every in by_chance], of)
        if asked.first is not None and first is not None:
            _ranked(first[method], asked.first.place, of)
        if asked.cause is not None and cause is not None:
            of.causes.append(_lowest(cause[method], asked.cause.place))


def _methods(given: Side) -> list[str]:
    """Those that a value can be asked by."""
    return [method for method in METHODS if method != "swapping" or given.parts.swapped is not None]


def _every(given: Side) -> dict[str, np.ndarray]:
    """Contributions by all methods, in their order; what occlusion is made of is worked out once."""
    parts = {name: METHODS[name](given) for name in _methods(given) if name != "occlusion"}
    both = mean(parts["removal"], parts["swapping"]) if "swapping" in parts else parts["removal"]
    return {name: {**parts, "occlusion": both}[name].values for name in _methods(given)}


def _side(model: AlignedModel, this: tuple[str, Any], other: tuple[str, Any]) -> Side:
    return side(model, this[0], this[1], model.encode(other[0], [other[1]])[0])


def _changed(
    this: tuple[str, Any], other: tuple[str, Any], pool: planted.Pool, rng: np.random.Generator
) -> tuple[Any, int] | None:
    """The value with a foreign part, and its place; None for a pair without structure or text."""
    both = dict([this, other])
    if set(both) != {"structure", "text"}:
        return None
    if this[0] == "structure":
        return planted.in_structure(both["structure"], both["text"], pool.elements, rng)
    return planted.in_text(both["structure"], both["text"], pool.precursors, rng)


def _removed(asked: Side, values: np.ndarray, of: Found) -> None:
    curve = deletion(asked, values, shares=(SHARE,))
    if curve is not None:
        top, chance = curve.ranked[1], float(curve.random[1].mean())
        of.lower.append(float(top < chance))
        of.drops.append((float(curve.ranked[0] - top), float(curve.ranked[0]) - chance))


def _compared(values: np.ndarray, by_chance: Sequence[np.ndarray], of: Found) -> None:
    known = [c for other in by_chance if (c := rank_correlation(values, other)) is not None]
    if known:
        of.correlation.append(float(np.mean(known)))


def _ranked(values: np.ndarray, place: int, of: Found) -> None:
    of.lowest.append(_lowest(values, place))
    of.largest.append(float(abs(values[place]) > np.abs(np.delete(values, place)).max()))
    of.chance.append(1 / len(values))


def _lowest(values: np.ndarray, place: int) -> float:
    return float(values[place] < np.delete(values, place).min())


def _figures(of: Found, labels: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield _share("top 20 % removed lowers more than chance", of.lower, labels)
    top, chance = np.array(of.drops).T
    yield _share("similarity lost by the top 20 %", top.tolist(), labels)
    yield _share("similarity lost by a random 20 %", chance.tolist(), labels)
    if of.correlation:
        low, high = _bootstrapped(np.array(of.correlation))
        value, n = float(np.median(of.correlation)), len(of.correlation)
        yield row("rank correlation with random weights, median", value, n=n, low=low, high=high, **labels)
    if of.lowest:
        yield _share("planted cause has the lowest contribution", of.lowest, labels)
        yield _share("the same, of the first plant that costs 0.02", of.causes, labels)
        yield _share("planted cause has the largest |contribution|", of.largest, labels)
        yield row("the same by chance", float(np.mean(of.chance)), n=len(of.chance), **labels)


def _share(metric: str, values: Sequence[float], labels: Mapping[str, Any]) -> dict[str, Any]:
    found = mean_interval(np.array(values), [str(i) for i in range(len(values))])
    return row(metric, found.value, n=found.n, low=found.low, high=found.high, **labels)


def _bootstrapped(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the median."""
    rng = np.random.default_rng(0)
    medians = np.median(values[rng.integers(len(values), size=(DRAWS, len(values)))], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
