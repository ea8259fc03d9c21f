"""What is searched between crystals and protocols: the open gallery, and galleries that chemistry leaves hard."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from comma_encoders.retrieval import same_group
from jaxtyping import Bool

from comma_eval.tasks.neighbourhoods import RIVALS
from comma_eval.tasks.pool import Pools, Side
from comma_eval.tasks.search import KS, Search

ALL = "all"
POOLS = ("open", *RIVALS)
KS_OF: Mapping[str, tuple[int, ...]] = {"open": KS, "elements": (1,), "cations": (1,), "nearest": KS}
"""Formulas of the same elements or cations are mostly two to six: who is among the first five of them says nothing."""

OPERATED = ("masked", "operations")
"""Views in which a protocol without operations tells nothing that could decide a hard pool."""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Queries, the whole gallery, and which of both take part in the hard pools."""

    labels: Mapping[str, str]
    queries: Side
    gallery: Side
    hard_queries: Bool[np.ndarray, " q"]
    hard_gallery: Bool[np.ndarray, " g"]
    """One item a formula at most."""

    def within(self, pool: str) -> Search:
        """The question in one pool: an open one, or galleries that hold one item a formula."""
        relevant = np.asarray(same_group(self.queries.groups, self.gallery.groups))
        searched = np.ones_like(relevant)
        if pool != "open":
            searched = self._rivals(pool) & self.hard_queries[:, None] & self.hard_gallery[None, :]
        labels = {**self.labels, "pool": pool}
        return Search(
            labels=labels,
            queries=self.queries,
            gallery=self.gallery,
            relevant=relevant,
            searched=searched,
            ks=KS_OF[pool],
        )

    def _rivals(self, pool: str) -> Bool[np.ndarray, "q g"]:
        """Whether the formula of the item is searched for the formula of the query, among those that take part."""
        inside = zip(self.gallery.groups, self.hard_gallery, strict=True)
        formulas = sorted({formula for formula, is_inside in inside if is_inside})
        place = {formula: number for number, formula in enumerate(formulas)}
        padded = np.pad(RIVALS[pool](formulas), (0, 1))  # the last row and column: formulas that take no part
        rows, columns = ([place.get(f, len(place)) for f in side.groups] for side in (self.queries, self.gallery))
        return padded[np.ix_(rows, columns)]


def directions(pool: Pools, view: str) -> tuple[Direction, Direction]:
    """Structure -> protocol and back; in `OPERATED` views protocols without operations take no part in hard pools."""
    told = pool.gallery_operated if view in OPERATED else np.ones_like(pool.gallery_operated)
    asked = pool.operated if view in OPERATED else np.ones_like(pool.operated)
    return (
        Direction(
            labels={"direction": "structure -> protocol", "view": view},
            queries=pool.structures,
            gallery=pool.gallery,
            hard_queries=np.ones_like(pool.stands),
            hard_gallery=told,
        ),
        Direction(
            labels={"direction": "protocol -> structure", "view": view},
            queries=pool.protocols,
            gallery=pool.structures,
            hard_queries=asked,
            hard_gallery=pool.stands & np.isin(pool.structures.groups, np.array(pool.gallery.groups)[told]),
        ),
    )
