"""The precursors that are used most for each element, whatever the structure: what a handbook would say.

The frequency baseline of Kim et al. 2024 (doi:10.1039/d3sc03538g) and He et al. 2023 (doi:10.1126/sciadv.adg8180):
elements are taken to be independent, and a set is as likely as the product of the shares of its precursors.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log

from comma_eval.precursors import PrecursorSet, elements, serves

BEAM = 200
"""Partial sets that are kept: enough for the best ones to be exact, since equal sets are few."""


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """Element -> its precursors and the share of the recipes that use each, largest first."""

    shares: Mapping[str, Mapping[str, float]]

    @property
    def usual(self) -> Mapping[str, tuple[str, ...]]:
        """Element -> its precursors, those used most first."""
        return {element: tuple(shares) for element, shares in self.shares.items()}

    def ranked(self, target: frozenset[str], limit: int) -> list[PrecursorSet]:
        """The likeliest sets for these source elements, at most `limit`; none where nobody knows an element."""
        best: list[tuple[float, tuple[str, ...]]] = [(0.0, ())]
        for element in sorted(target):
            fitting = {name: share for name, share in self.shares.get(element, {}).items() if serves(name, target)}
            grown = [(s + log(share), (*names, name)) for s, names in best for name, share in fitting.items()]
            best = sorted(grown, key=lambda item: (-item[0], item[1]))[:BEAM]
        return list(dict.fromkeys(frozenset(names) for _, names in best if names))[:limit]


def fit(recipes: Iterable[tuple[frozenset[str], PrecursorSet]]) -> Popularity:
    """Count precursors.

    Args:
        recipes: source elements of the target, and the set.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for target, names in recipes:
        for name in names:
            for element in elements(name) & target:
                counts[element][name] += 1
    return Popularity(shares={element: _shares(counts[element]) for element in sorted(counts)})


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    return {name: n / total for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))}
