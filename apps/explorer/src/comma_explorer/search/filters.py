"""What a hit has to fulfil, decided for every value before any is compared, so that no match is lost."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.nearest import did_you_mean
from jaxtyping import Bool

from comma_explorer.search.errors import SearchError
from comma_explorer.search.tables import TARGET, targets_of

Range = tuple[float, float]
"""Lowest and highest value, both allowed."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Conditions on the entry that a value stands in; all of them have to hold.

    An entry whose formula nobody knows meets no condition on elements, one without the target none on its range.

    Raises:
        SearchError: A symbol of no element, or a range that is empty or not a number.
    """

    elements: Collection[str] = ()
    """It contains each of these."""
    only: Collection[str] = ()
    """It contains nothing else; without any, all are allowed."""
    without: Collection[str] = ()
    """It contains none of these."""
    ranges: Mapping[str, Range] = field(default_factory=dict)
    """Target -> where it lies."""
    source: str | None = None
    """Origin (computed, text-mined, ...) of the value itself, or words of its source; whatever their case."""

    def __post_init__(self) -> None:
        """Refuse what could only be a slip."""
        for symbol in (*self.elements, *self.only, *self.without):
            if symbol not in ATOMIC_NUMBERS:
                raise SearchError(
                    f"{symbol!r} is no element{did_you_mean(symbol.capitalize(), tuple(ATOMIC_NUMBERS))}"
                    "; write symbols with commas between, e.g. Li,Fe"
                )
        for name, (low, high) in self.ranges.items():
            if math.isnan(low) or math.isnan(high) or low > high:
                raise SearchError(f"the range {low:g}:{high:g} of {name} is empty; write NAME=LOWEST:HIGHEST")

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return bool(self.elements or self.only or self.without or self.ranges or self.source is not None)


def parse_ranges(ranges: Collection[str]) -> dict[str, Range]:
    """`band_gap_pbe=1:2` -> the range of each target; an end that is left out is open.

    Raises:
        SearchError: It is written otherwise, or a target has two.
    """
    parsed: dict[str, Range] = {}
    for text in ranges:
        name, equals, ends = text.partition("=")
        low, colon, high = ends.partition(":")
        if name in parsed:
            raise SearchError(f"{name} has two ranges, of which {text!r} is the second; give one")
        try:
            if not (name and equals and colon):
                raise ValueError  # noqa: TRY301 - one message for all that cannot be read
            parsed[name] = (float(low or "-inf"), float(high or "inf"))
        except ValueError:
            raise SearchError(
                f"range {text!r}: write NAME=LOWEST:HIGHEST, e.g. band_gap_pbe=1:2, or one end only, band_gap_pbe=1:"
            ) from None
    return parsed


def matching(where: Filter, entries: pa.Table, found: pa.Table) -> Bool[np.ndarray, " found"]:
    """Which places of values meet the conditions.

    Args:
        where: The conditions.
        entries: The table of entries.
        found: The places, with their `entry`, `origin` and `source`.

    Raises:
        SearchError: A target that no entry has; the message lists those that there are.
    """
    good = _entries(where, entries)[found["entry"].to_numpy()]
    return good if where.source is None else good & _of_source(where.source, found)


def _entries(where: Filter, entries: pa.Table) -> np.ndarray:
    good = np.ones(len(entries), dtype=bool)
    for name, (low, high) in where.ranges.items():
        if name not in (known := targets_of(entries)):
            raise SearchError(f"no target {name!r}; there are {', '.join(known) or 'none'}{did_you_mean(name, known)}")
        values = entries[f"{TARGET}{name}"].to_numpy()
        good &= (values >= low) & (values <= high)  # what is not known is NaN, and in no range
    if where.elements or where.only or where.without:
        good &= _by_elements(where, entries)
    return good


def _by_elements(where: Filter, entries: pa.Table) -> np.ndarray:
    lists = entries["elements"].combine_chunks()
    owners = pc.list_parent_indices(lists).to_numpy()
    symbols = pc.list_flatten(lists)

    def count(wanted: Collection[str]) -> np.ndarray:
        """How many of these elements each entry has."""
        among = pc.is_in(symbols, value_set=pa.array(sorted(set(wanted)), pa.string())).to_numpy(zero_copy_only=False)
        return np.bincount(owners[among], minlength=len(entries))

    sizes = np.bincount(owners, minlength=len(entries))
    good = (sizes > 0) & (count(where.elements) == len(set(where.elements))) & (count(where.without) == 0)
    return good & (count(where.only) == sizes) if where.only else good


def check_source(source: str, found: pa.Table) -> None:
    """Refuse a source that nothing in the index has: it is mistyped.

    Args:
        source: Origin, or words of a source.
        found: All places, of every modality: one that has nothing of this source is not mistyped, but answers with no
            hit.

    Raises:
        SearchError: The message lists those that there are.
    """
    known = _sources(found)
    if not any(_same(source, known).values()):
        there = sorted({*known["origin"], *known["source"]})
        listed = ", ".join(there[:12]) + (", ..." if len(there) > 12 else "")
        raise SearchError(f"no value of the source {source!r}; there are {listed}{did_you_mean(source, there)}")


def _of_source(source: str, found: pa.Table) -> np.ndarray:
    """Places whose origin or source is this."""
    same = _same(source, _sources(found))
    masks = [pc.is_in(found[name], value_set=pa.array(values, pa.string())).to_numpy() for name, values in same.items()]
    return np.logical_or(*masks)


def _sources(found: pa.Table) -> dict[str, list[str]]:
    return {name: [v for v in found[name].unique().to_pylist() if v] for name in ("origin", "source")}


def _same(source: str, known: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Those origins and sources that are meant."""
    meant = source.casefold()
    return {
        "origin": [value for value in known["origin"] if value.casefold() == meant],
        "source": [value for value in known["source"] if meant in value.casefold()],
    }
