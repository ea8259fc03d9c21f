"""How well each modality finds each other one among materials that training never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from comma_data.sample import Sample
from comma_encoders.batch import group_code
from comma_encoders.retrieval import Recall, recall, same_group, similarity
from comma_encoders.types import Embedded

from comma_align.pairs import relation

KS = (1, 5, 10)


@dataclass(frozen=True, kw_only=True)
class Row:
    """Recall of one direction, e.g. from structures to texts."""

    query: str
    gallery: str
    recall: Recall


def _first_of_each(embedded: Embedded, groups: Sequence[str]) -> dict[str, int]:
    """Group -> the first of its values: a pool holds every group once."""
    places: dict[str, int] = {}
    for i, row in enumerate(embedded.rows.tolist()):
        places.setdefault(groups[row], i)
    return places


def _row(query: str, gallery: str, embedded: Mapping[str, Embedded], samples: Sequence[Sample]) -> Row | None:
    groups = [sample.groups[relation((query, gallery))] for sample in samples]
    a, b = (_first_of_each(embedded[m], groups) for m in (query, gallery))
    shared = [group for group in a if group in b]
    if len(shared) <= 1:
        return None
    scores = similarity(embedded[query].z[[a[g] for g in shared]], embedded[gallery].z[list(b.values())])
    relevant = same_group([group_code(g) for g in shared], [group_code(g) for g in b])
    return Row(query=query, gallery=gallery, recall=recall(scores, relevant, KS))


def rows_of(embedded: Mapping[str, Embedded], samples: Sequence[Sample]) -> list[Row]:
    """Recall at 1, 5 and 10 for both directions of every pair of modalities that the samples have.

    Each pool holds one value of every material or, where a text or a composition takes part, of every formula; the
    queries are those that have an answer in the pool.

    Args:
        embedded: vectors of the samples' values.
        samples: what they belong to.
    """
    rows = [_row(a, b, embedded, samples) for a, b in permutations(sorted(embedded), 2)]
    return [row for row in rows if row is not None]


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows as plain data for `metrics.jsonl`."""
    return [
        {
            "query": row.query,
            "gallery": row.gallery,
            "queries": row.recall.queries,
            "pool": row.recall.pool,
            **{f"R@{k}": row.recall.at[k] for k in KS},
            **{f"chance@{k}": row.recall.chance[k] for k in KS},
        }
        for row in rows
    ]


def mean_recall(rows: Sequence[Row], k: int) -> float:
    """Mean of recall at k over the rows, 0 where there is none."""
    return sum(row.recall.at[k] for row in rows) / max(1, len(rows))


def mean_reciprocal(rows: Sequence[Row]) -> float:
    """Mean of the mean reciprocal ranks of the rows, 0 where there is none."""
    return sum(row.recall.mrr for row in rows) / max(1, len(rows))
