"""Does a crystal find the protocol of an unseen material, and a protocol its crystal?

Queries and gallery come from formulas that no training sample has; any known protocol of a formula answers its
structures. Protocols carry no polymorph label, so polymorphs of one formula are equally right.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from comma_data.protocol import VIEWS, with_view
from comma_data.sample import Sample
from comma_encoders.retrieval import Recall, recall, same_group
from jaxtyping import Float

from comma_eval.baselines import composition
from comma_eval.baselines.amounts import ElementAmounts, gives_amounts
from comma_eval.baselines.chance import Chance
from comma_eval.baselines.element_overlap import ElementOverlap
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.metrics import mean_interval, paired_difference, row
from comma_eval.task import Embedder, Item, Needs, Report, Row, Scorer
from comma_eval.tasks.pool import Pools, Side, pools

KS = (1, 5, 10)


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """Structure -> protocol against one protocol a formula; protocol -> structure against every structure."""

    view: str = "precursors"
    """How the protocols are told: `precursors`, `amounts`, `masked` or `operations`."""

    def __post_init__(self) -> None:
        """Refuse a view that does not exist."""
        if self.view not in VIEWS:
            raise UsageError(f"unknown view {self.view!r}; known: {', '.join(VIEWS)}")

    @property
    def needs(self) -> Needs:
        """Training protocols of any material; held-out materials with both sides."""
        return Needs(train=frozenset({"text"}), test=frozenset({"structure", "text"}))

    def model_of(self, embedder: Embedder) -> Scorer:
        """Similarity of vectors."""
        return EmbeddingScorer(embedder=embedder)

    def run(self, models: Mapping[str, Scorer], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Score the models and the baselines in both directions.

        Args:
            models: name -> scorer.
            train: what the composition model learns from; the other baselines learn nothing.
            test: samples of the held-out formulas.

        Raises:
            EmptyTaskError: no formula of `test` has both a structure and a protocol.
            UsageError: a model is called as a baseline is.
        """
        pool = pools([with_view(sample, self.view) for sample in test])
        if not pool.gallery.samples:
            raise EmptyTaskError(
                f"none of the {len(test)} samples has a structure and a protocol in the view {self.view!r}: "
                "build a data set that joins the two (`comma data build`), or choose another view"
            )
        lines = baselines([with_view(sample, self.view) for sample in train], pool)
        if taken := sorted(models.keys() & lines.keys()):
            raise UsageError(f"a model cannot be called {taken[0]!r}: that is a baseline's name; rename its folder")
        rows: list[Row] = []
        items: list[Item] = []
        for name, (queries, gallery) in directions(pool).items():
            labels = {"direction": name, "view": self.view}
            theirs, ours = (_results(scorers, queries, gallery) for scorers in (lines, models))
            rows += _sizes(labels, queries, gallery)
            rows += _figures(labels, {**theirs, **ours}, queries.groups)
            rows += _differences(labels, ours, theirs, queries.groups)
            items += _items(labels, {**theirs, **ours}, queries)
        return Report(task="synthesis", rows=tuple(rows), facts={"view": self.view}, items=tuple(items))


def directions(pool: Pools) -> dict[str, tuple[Side, Side]]:
    """Name -> queries and gallery."""
    return {
        "structure -> protocol": (pool.structures, pool.gallery),
        "protocol -> structure": (pool.protocols, pool.structures),
    }


def baselines(train: Sequence[Sample], pool: Pools) -> dict[str, Scorer]:
    """What the model has to beat on these pools; amounts only where the view gives them."""
    amounts: dict[str, Scorer] = {"element overlap + amounts": ElementAmounts()}
    return {
        "chance": Chance(),
        "element overlap": ElementOverlap(),
        **(amounts if gives_amounts(pool.gallery.samples) else {}),
        "composition MLP": EmbeddingScorer(embedder=composition.fit(train)),
    }


def _sizes(labels: Mapping[str, str], queries: Side, gallery: Side) -> Iterator[Row]:
    formulas = len(set(queries.groups))
    sizes = {"queries": len(queries.samples), "formulas": formulas, "pool": len(gallery.samples)}
    for metric, size in sizes.items():
        yield Row(labels=labels, metric=metric, value=float(size), low=None, high=None, n=formulas)


def _results(scorers: Mapping[str, Scorer], queries: Side, gallery: Side) -> dict[str, Recall]:
    relevant = same_group(queries.groups, gallery.groups)
    return {
        model: recall(scorer.score(queries.samples, gallery.samples), relevant, KS) for model, scorer in scorers.items()
    }


def _figures(labels: Mapping[str, str], results: Mapping[str, Recall], groups: Sequence[str]) -> Iterator[Row]:
    """Recall at k and MRR of every model with intervals over formulas, and how many queries were tied."""
    for model, result in results.items():
        who = {**labels, "model": model}
        for metric, values in _values(result).items():
            yield row(who, metric, mean_interval(values, groups))
        yield Row(labels=who, metric="tied", value=float(result.ties), low=None, high=None, n=result.queries)


def _differences(
    labels: Mapping[str, str], models: Mapping[str, Recall], lines: Mapping[str, Recall], groups: Sequence[str]
) -> Iterator[Row]:
    """Paired differences of every model from every baseline."""
    for (model, ours), (line, theirs) in product(models.items(), lines.items()):
        for metric, values in _values(ours).items():
            found = paired_difference(values, _values(theirs)[metric], groups)
            yield row({**labels, "model": model, "against": line}, metric, found)


def _items(labels: Mapping[str, str], results: Mapping[str, Recall], queries: Side) -> Iterator[Item]:
    for model, result in results.items():
        for metric, values in _values(result).items():
            for sample, group, value in zip(queries.samples, queries.groups, values, strict=True):
                yield Item(
                    labels={**labels, "model": model}, item=sample.id, group=group, metric=metric, value=float(value)
                )


def _values(result: Recall) -> dict[str, Float[np.ndarray, " q"]]:
    """Metric -> value of each query."""
    return {**{f"R@{k}": hits for k, hits in result.hits.items()}, "MRR": result.reciprocal}
