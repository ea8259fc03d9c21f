"""A search: what is asked, what each query looks through, and how every model's answers become rows and items.

Models are asked once for the scores of all queries against the whole gallery; the pools in which the answers are
counted are masks over that one matrix.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from comma_encoders.retrieval import hits_within, ranks, reciprocal_ranks
from jaxtyping import Bool, Float

from comma_eval.errors import UsageError
from comma_eval.metrics import mean_interval, paired_difference, row
from comma_eval.task import Item, Row, Scorer
from comma_eval.tasks.pool import Side

KS = (1, 5, 10)

Scores = Float[np.ndarray, "q g"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """One question in one pool."""

    labels: Mapping[str, str]
    """What is asked: direction, view, pool."""
    queries: Side
    gallery: Side
    relevant: Bool[np.ndarray, "q g"]
    searched: Bool[np.ndarray, "q g"]
    """What of the gallery each query looks through; a query that looks at nothing is not asked."""
    ks: Sequence[int] = KS
    """Cut-offs that mean something in galleries of this size."""
    unit: str = "formulas"
    """What the queries are grouped by."""

    @property
    def asked(self) -> Bool[np.ndarray, " q"]:
        """Which queries are asked."""
        return np.asarray(self.searched.any(axis=1))


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one model found, of the queries that were asked."""

    values: Mapping[str, Float[np.ndarray, " asked"]]
    """Metric -> value of each query, ties as their expectation."""
    ties: int | None = None
    """Queries whose best relevant item ties with another one; None where nothing is ranked against others."""


def scores_of(scorers: Mapping[str, Scorer], queries: Side, gallery: Side) -> dict[str, Scores]:
    """Name -> its scores of all queries against the whole gallery."""
    return {name: scorer.score(queries.samples, gallery.samples) for name, scorer in scorers.items()}


def answers(search: Search, scores: Scores) -> Answers:
    """Recall at each k and reciprocal rank of every query that is asked, within what it looks through.

    Raises:
        UsageError: a score is not finite.
        InputError: a query looks through a gallery that holds nothing relevant to it.
    """
    asked = search.asked
    inside, score = search.searched[asked], np.asarray(scores, dtype=float)[asked]
    if not np.isfinite(score[inside]).all():
        number = int(np.flatnonzero((~np.isfinite(score) & inside).any(axis=1))[0])
        name = np.asarray(search.queries.names, dtype=object)[asked][number]
        raise UsageError(f"the scores of query {name} hold NaN or infinity: an embedding or a scorer is broken")
    where = ranks(np.where(inside, score, -np.inf), search.relevant[asked] & inside)
    hits = {f"R@{k}": hits_within(where, k) for k in search.ks}
    return Answers(values={**hits, "MRR": reciprocal_ranks(where)}, ties=int((where.tied > 0).sum()))


def rows_and_items(
    search: Search, models: Mapping[str, Scores], lines: Mapping[str, Scores]
) -> tuple[list[Row], list[Item]]:
    """Everything that is told of one search: sizes, figures of lines and models, what the models have over the lines.

    Args:
        search: with at least one query that is asked.
        models: name -> scores.
        lines: what the models have to beat.
    """
    asked = search.asked
    groups = [group for group, is_asked in zip(search.queries.groups, asked, strict=True) if is_asked]
    names = [name for name, is_asked in zip(search.queries.names, asked, strict=True) if is_asked]
    theirs = {name: answers(search, scores) for name, scores in lines.items()}
    ours = {name: answers(search, scores) for name, scores in models.items()}
    rows = [
        *_sizes(search, groups),
        *figures(search.labels, {**theirs, **ours}, groups),
        *differences(search.labels, ours, theirs, groups),
    ]
    return rows, list(items(search.labels, {**theirs, **ours}, names, groups))


def _sizes(search: Search, groups: Sequence[str]) -> Iterator[Row]:
    counts = search.searched[search.asked].sum(axis=1)
    pool = {"pool": counts.min()}
    if counts.min() < counts.max():
        pool = {"smallest pool": counts.min(), "largest pool": counts.max()}
    count = len(set(groups))
    for metric, size in {"queries": len(groups), search.unit: count, **pool}.items():
        yield Row(labels=search.labels, metric=metric, value=float(size), low=None, high=None, n=count)


def figures(labels: Mapping[str, str], results: Mapping[str, Answers], groups: Sequence[str]) -> Iterator[Row]:
    """Every metric of every model with its interval over groups, and how many queries were tied."""
    for model, result in results.items():
        who = {**labels, "model": model}
        for metric, values in result.values.items():
            yield row(who, metric, mean_interval(values, groups))
        if result.ties is not None:
            yield Row(labels=who, metric="tied", value=float(result.ties), low=None, high=None, n=len(groups))


def differences(
    labels: Mapping[str, str], models: Mapping[str, Answers], lines: Mapping[str, Answers], groups: Sequence[str]
) -> Iterator[Row]:
    """Paired differences of every model from every line."""
    for (model, ours), (line, theirs) in product(models.items(), lines.items()):
        for metric, values in ours.values.items():
            found = paired_difference(values, theirs.values[metric], groups)
            yield row({**labels, "model": model, "against": line}, metric, found)


def items(
    labels: Mapping[str, str], results: Mapping[str, Answers], names: Sequence[str], groups: Sequence[str]
) -> Iterator[Item]:
    """Every single answer."""
    for model, result in results.items():
        who = {**labels, "model": model}
        for metric, values in result.values.items():
            for name, group, value in zip(names, groups, values, strict=True):
                yield Item(labels=who, item=name, group=group, metric=metric, value=float(value))
