"""How similar known materials were made: neighbours in composition, and the words of their protocols.

A crystal is described by the mean TF-IDF vector (Salton and Buckley 1988, doi:10.1016/0306-4573(88)90021-0) of the
protocols of the training formulas that are nearest to it in composition; a protocol by its own. Knowing neither the
structure nor which element a word belongs to, it says how far "do as one does with similar compounds" goes, and keeps
saying it in the views in which no material is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import safe_sparse_dot

from comma_eval.baselines.formulas import Amounts, composition
from comma_eval.chemistry import amounts_of, distances
from comma_eval.errors import EmptyTaskError

NEIGHBOURS = 5
"""Formulas; chosen on validation folds."""

Steps = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NearestRecipes:
    """Scores a crystal and a protocol by the cosine of their TF-IDF vectors."""

    vectoriser: Any
    """Fitted on the training protocols."""
    protocols: Any
    """Vectors of the training protocols, sparse, formula by formula."""
    compositions: tuple[Amounts, ...]
    """Of the training formulas."""
    counts: tuple[int, ...]
    """Protocols of each training formula."""
    neighbours: int

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """Cosine; rounded, so that equal texts tie."""
        return np.round(safe_sparse_dot(self._vectors(queries), self._vectors(gallery).T, dense_output=True), 9)

    def _vectors(self, samples: Sequence[Sample]) -> Any:
        """One row a sample, of unit length or zero: sparse for texts."""
        if samples and "text" in samples[0].fields:
            return self.vectoriser.transform([sample.fields["text"][0] for sample in samples])
        distance = distances([composition(sample) for sample in samples], self.compositions)
        near = np.argsort(distance, axis=1, kind="stable")[:, : self.neighbours]
        weights = np.zeros_like(distance)
        np.put_along_axis(weights, near, 1.0, axis=1)
        shares = np.repeat(weights / np.array(self.counts), self.counts, axis=1)
        return normalize(safe_sparse_dot(shares, self.protocols))


def fit(train: Sequence[Sample], *, neighbours: int = NEIGHBOURS) -> NearestRecipes:
    """Count words in the distinct protocols of each training formula.

    Raises:
        EmptyTaskError: no sample has a text and a known formula.
    """
    known: dict[str, set[Steps]] = {}
    for sample in train:
        if amounts_of(sample.groups["formula"]):
            known.setdefault(sample.groups["formula"], set()).update(sample.fields.get("text", ()))
    told = {formula: sorted(known[formula]) for formula in sorted(known) if known[formula]}
    if not told:
        raise EmptyTaskError("recipes of the nearest compositions need training samples with a text and a formula")
    vectoriser = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    return NearestRecipes(
        vectoriser=vectoriser,
        protocols=vectoriser.fit_transform([steps for texts in told.values() for steps in texts]),
        compositions=tuple(amounts_of(formula) for formula in told),
        counts=tuple(len(texts) for texts in told.values()),
        neighbours=neighbours,
    )


def words(steps: Steps) -> list[str]:
    """What stands between spaces, without the punctuation around it: formulas and numbers stay whole."""
    return [word for step in steps for piece in step.split() if (word := piece.strip(".,;:"))]
