"""An embedder as a scorer: the similarity of two samples is the dot product of their vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.retrieval import similarity
from jaxtyping import Float
from torch import Tensor

from comma_eval.errors import UsageError
from comma_eval.task import Embedder


@dataclass(frozen=True, kw_only=True)
class EmbeddingScorer:
    """Scores by dot product of an embedder's vectors: the cosine, where those are unit vectors."""

    embedder: Embedder
    _kept: dict[int, tuple[Sequence[Sample], Float[Tensor, "samples dim"]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Vectors of the tuples of samples that were scored: one side stands in several questions, and is embedded once."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """Embed both sides and compare all pairs.

        Raises:
            UsageError: the embedder does not read a modality, or returns no vector for a sample.
        """
        return similarity(self._vectors(queries), self._vectors(gallery)).numpy()

    def _vectors(self, samples: Sequence[Sample]) -> Float[Tensor, "samples dim"]:
        """One vector a sample, in the order of the samples; those of a tuple, which cannot change, are kept."""
        if not isinstance(samples, tuple):
            return self._embedded(samples)
        if id(samples) not in self._kept:
            self._kept[id(samples)] = (samples, self._embedded(samples))  # the samples too, so that the id stays theirs
        return self._kept[id(samples)][1]

    def _embedded(self, samples: Sequence[Sample]) -> Float[Tensor, "samples dim"]:
        """One vector a sample, in the order of the samples."""
        (modality,) = {name for sample in samples for name in sample.fields}
        with torch.no_grad():
            embedded = self.embedder.embed(samples)
        if modality not in embedded:
            raise UsageError(f"the model does not embed `{modality}`; it embeds: {', '.join(sorted(embedded))}")
        z, rows = embedded[modality].z.cpu(), embedded[modality].rows.cpu()
        if sorted(rows.tolist()) != list(range(len(samples))):
            missing = sorted(set(range(len(samples))) - set(rows.tolist()))
            first = samples[missing[0]].id if missing else "none, some have several"
            raise UsageError(f"the model must give one vector for each `{modality}`; without one: {first}")
        return z[rows.argsort()]
