"""Does a measured powder pattern find how its specimen was made?

Measured patterns that come with a protocol are few (a public set of 60 tells precursors, amounts, temperature and time
in the file names), so all of a data set are asked, and intervals are over chemistries: the cations of the precursors.
Models are scored as they are, and with a linear head between their frozen vectors that is fitted on all other
chemistries, one left out at a time. The same head between plain numbers is the line to beat.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from comma_data.protocol import VIEWS, Protocol, with_view
from comma_data.sample import Sample
from jaxtyping import Float
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import normalize

from comma_eval.baselines import refuse_taken
from comma_eval.baselines.chance import Chance
from comma_eval.baselines.features import text_features
from comma_eval.baselines.formulas import elements
from comma_eval.baselines.pattern_features import pattern_features
from comma_eval.chemistry import amounts_of, cations
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.task import Embedder, Item, Needs, Report, Row
from comma_eval.tasks.entries import Values, relevance, values
from comma_eval.tasks.search import Scores, Search, rows_and_items

ALPHAS = tuple(10.0**power for power in range(-3, 4))
"""Of the ridge; chosen within the chemistries that it is fitted on, one pattern left out at a time."""

Vectors = Float[np.ndarray, "values dim"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measured pattern -> protocol and back, one chemistry left out at a time."""

    view: str = "amounts"
    """How the protocols are told; what was weighed in is no secret of the target."""

    def __post_init__(self) -> None:
        """Refuse a view that does not exist."""
        if self.view not in VIEWS:
            raise UsageError(f"unknown view {self.view!r}; known: {', '.join(VIEWS)}")

    @property
    def needs(self) -> Needs:
        """Entries with a measured pattern and a protocol; of others a model may have seen the formula."""
        return Needs(train=None, test=frozenset({"text", "xrd"}), keep=is_measured)

    def model_of(self, embedder: Embedder) -> EmbeddingScorer:
        """Similarity of vectors, which it also gives out."""
        return EmbeddingScorer(embedder=embedder)

    def run(
        self,
        models: Mapping[str, EmbeddingScorer],
        train: Sequence[Sample],  # noqa: ARG002 - heads learn from the other chemistries of the test samples
        test: Sequence[Sample],
    ) -> Report:
        """Score the models as they are and with a head, and the lines.

        Args:
            models: name -> what gives vectors of patterns and texts.
            train: not looked at.
            test: samples of which the measured patterns with a protocol are taken.

        Raises:
            EmptyTaskError: there are no two chemistries among them.
            NotEmbeddedError: a model does not read patterns or texts.
        """
        asked = [with_view(sample, self.view) for sample in test if is_measured(sample)]
        asked = [sample for sample in asked if "text" in sample.fields]
        apart = told_apart(asked)
        chemistries = set(apart.values())
        if len(chemistries) < 2:
            raise EmptyTaskError(
                f"the view {self.view} tells {len(chemistries)} chemistries apart among the measured patterns with a "
                f"protocol of {len(test)} samples, and 2 are needed: build a data set with `[[diffraction]]` and "
                '`names = "precursors"`, or ask the view amounts'
            )
        of = {
            name: values(asked, name, _text_of, group_of=lambda sample: apart[chemistry(sample)])
            for name in ("xrd", "text")
        }
        plain = {"xrd": _plain(of["xrd"], pattern_features), "text": _plain(of["text"], text_features)}
        seen = {name: {side: _array(model, of[side]) for side in of} for name, model in models.items()}
        rows: list[Row] = []
        items: list[Item] = []
        for pair in (("xrd", "text"), ("text", "xrd")):
            search = _search(of, pair, self.view)
            chance = Chance().score(search.queries.samples, search.gallery.samples)
            lines = {"chance": chance, "raw pattern + ridge": left_out(search, plain[pair[0]], plain[pair[1]])}
            scored: dict[str, Scores] = {}
            for name, sides in seen.items():
                scored[name] = sides[pair[0]] @ sides[pair[1]].T
                scored[f"{name} + ridge"] = left_out(search, sides[pair[0]], sides[pair[1]])
            refuse_taken(scored, lines)
            found = rows_and_items(search, scored, lines)
            rows, items = rows + found[0], items + found[1]
        sizes = {f"values of {side}": len(of[side].keys) for side in of}
        facts: dict[str, str | int | float] = {"view": self.view, "chemistries": len(chemistries), **sizes}
        return Report(task="measured", rows=tuple(rows), facts=facts, items=tuple(items))


def left_out(search: Search, queries: Float[np.ndarray, "q a"], gallery: Float[np.ndarray, "g b"]) -> Scores:
    """Cosine between the gallery and what a ridge expects of each query, fitted on the other chemistries alone.

    Args:
        search: whose queries are grouped by chemistry.
        queries: one vector a query.
        gallery: one vector a gallery item.
    """
    partners = search.relevant @ gallery / search.relevant.sum(axis=1, keepdims=True)
    groups = np.asarray(search.queries.groups)
    scores = np.zeros(search.relevant.shape)
    for group in np.unique(groups):
        out = groups == group
        head = RidgeCV(alphas=ALPHAS).fit(queries[~out], partners[~out])
        expected = head.predict(queries[out]).reshape(int(out.sum()), -1)
        scores[out] = normalize(expected) @ normalize(gallery).T
    return scores


def chemistry(sample: Sample) -> str:
    """The cations that its precursors bring, or without a list of precursors the elements that its text names."""
    record = sample.annotations.get("text", (None,))[0]
    if isinstance(record, Protocol):
        return "-".join(sorted({e for name in record.precursors for e in cations(amounts_of(name))}))
    return "-".join(sorted(elements(sample.fields["text"][0])))


def told_apart(samples: Sequence[Sample]) -> Mapping[str, str]:
    """Chemistry -> what is left out with it: all chemistries that its protocols share their words with.

    Without the names of materials different chemistries can be told in the same words, which are then one value.
    """
    of_words: dict[str, set[str]] = {}
    for sample in samples:
        of_words.setdefault(_text_of(sample), set()).add(chemistry(sample))
    groups: list[set[str]] = []
    for found in of_words.values():
        near = [group for group in groups if group & found]
        groups = [*(group for group in groups if not group & found), found.union(*near)]
    return {one: " | ".join(sorted(group)) for group in groups for one in group}


def _search(of: Mapping[str, Values], pair: tuple[str, str], view: str) -> Search:
    queries, gallery = (of[name] for name in pair)
    relevant = relevance(queries, gallery)
    return Search(
        labels={"direction": f"measured {pair[0]} -> {pair[1]}", "view": view},
        queries=queries.side,
        gallery=gallery.side,
        relevant=relevant,
        searched=np.ones_like(relevant),
        unit="chemistries",
    )


def is_measured(sample: Sample) -> bool:
    """Whether all patterns of an entry were measured."""
    return all(value.get("origin") == "measured" for value in sample.provenance.get("xrd", ({},)))


def _text_of(sample: Sample) -> str:
    """What makes a pattern and a protocol belong together: specimens that were made alike are equally right."""
    return "\n".join(sample.fields["text"][0])


def _array(model: EmbeddingScorer, values_: Values) -> Vectors:
    return model.vectors(values_.side.samples).double().numpy()


def _plain(values_: Values, features: Callable[[Any], np.ndarray]) -> Vectors:
    return np.stack([features(value) for sample in values_.side.samples for (value,) in sample.fields.values()])
