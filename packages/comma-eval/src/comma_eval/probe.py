"""An embedder as a predictor: a head is fitted on its frozen vectors, the embedder itself is never changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from jaxtyping import Float

from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.regression import Matrix, Read, Regression, scaled
from comma_eval.task import Embedder


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A sample, so that its identity stays its own, and its vectors."""

    sample: Sample
    vectors: Mapping[str, Float[np.ndarray, " dim"]]


@dataclass(kw_only=True)
class FrozenVectors:
    """Reads samples as the vectors of some of their modalities, side by side; each sample is embedded once."""

    embedder: Embedder
    modalities: tuple[str, ...]
    """Several are naive fusion: their vectors are concatenated."""
    _kept: dict[int, _Kept] = field(default_factory=dict, init=False, repr=False)
    _dims: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, train: Sequence[Sample]) -> Read:
        """Standardise by training samples; what a sample lacks becomes the training mean.

        Raises:
            NotEmbeddedError: the embedder does not embed a modality.
            EmptyTaskError: no training sample has one of the modalities.
            UsageError: the embedder gives no vector for a value.
        """
        for modality in self.modalities:
            if not any(sample.fields.get(modality) for sample in train):
                raise EmptyTaskError(f"none of the {len(train)} training samples has a value of `{modality}`")
        return scaled(self.raw)(train)

    def raw(self, samples: Sequence[Sample]) -> Matrix:
        """One row a sample, for each modality the mean over its values; NaN where it has none."""
        self._embed([sample for sample in samples if id(sample) not in self._kept])
        return np.concatenate([self._block(samples, modality) for modality in self.modalities], axis=1)

    def _block(self, samples: Sequence[Sample], modality: str) -> Matrix:
        missing = np.full(self._dims[modality], np.nan)
        rows = [self._kept[id(sample)].vectors.get(modality, missing) for sample in samples]
        return np.array(rows).reshape(len(samples), len(missing))

    def _embed(self, samples: Sequence[Sample]) -> None:
        """Embed what was not yet, all at once; the embedder sees the asked values alone."""
        bare = [_only(sample, self.modalities) for sample in samples]
        asked = {modality for sample in bare for modality in sample.fields}
        with torch.no_grad():
            found = self.embedder.embed(bare) if asked else {}
        if unread := sorted(asked - found.keys()):
            raise NotEmbeddedError(
                f"the model does not embed `{unread[0]}`; of these values it embeds: {_listed(found)}"
            )
        means = {modality: _means(found[modality], len(bare)) for modality in asked}
        self._dims |= {modality: block.shape[1] for modality, block in means.items()}
        for row, (sample, values) in enumerate(zip(samples, bare, strict=True)):
            vectors = {modality: means[modality][row] for modality in values.fields}
            if any(np.isnan(vector).any() for vector in vectors.values()):
                raise UsageError(f"the model gave no vector, or NaN, for a value of sample {sample.id}")
            self._kept[id(sample)] = _Kept(sample=sample, vectors=vectors)


def probe(embedder: Embedder, modalities: Iterable[str], head: str = "ridge") -> Regression:
    """A predictor that reads the frozen vectors of an embedder.

    Args:
        embedder: anything that embeds samples.
        modalities: whose vectors are read; several are concatenated.
        head: `ridge` (the usual linear probe), `knn`, `forest` or `mlp`.

    Raises:
        UsageError: no such head.
    """
    return Regression(learn=FrozenVectors(embedder=embedder, modalities=tuple(modalities)), head=head)


def _only(sample: Sample, modalities: Sequence[str]) -> Sample:
    fields = {modality: sample.fields[modality] for modality in modalities if sample.fields.get(modality)}
    return replace(sample, fields=fields, groups={}, targets={}, annotations={}, provenance={})


def _means(embedded: Embedded, samples: int) -> Matrix:
    """Mean of the vectors of each sample; NaN where there is none."""
    z, rows = embedded.z.double().cpu().numpy(), embedded.rows.cpu().numpy()
    sums, counts = np.zeros((samples, z.shape[1])), np.bincount(rows, minlength=samples)
    np.add.at(sums, rows, z)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], np.nan)


def _listed(found: Mapping[str, Embedded]) -> str:
    return ", ".join(sorted(found)) or "none"
