"""An embedder as a scorer: the similarity of two samples is the dot product of their vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.retrieval import similarity
from jaxtyping import Float
from torch import Tensor

from comma_eval.errors import NotEmbeddedError, UsageError
from comma_eval.task import Embedder

Identity = tuple[str, int]
"""(modality, id of the value)."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingScorer:
    """Scores by dot product of an embedder's vectors: the cosine, where those are unit vectors."""

    embedder: Embedder
    _kept: dict[Identity, tuple[Any, Float[Tensor, " dim"]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Value -> itself, so that its id stays its own, and its vector: no value is embedded twice."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """Embed both sides and compare all pairs.

        Raises:
            NotEmbeddedError: the embedder does not read a modality.
            UsageError: it returns no vector for a sample.
        """
        return similarity(self.vectors(queries), self.vectors(gallery)).numpy()

    def vectors(self, samples: Sequence[Sample]) -> Float[Tensor, "samples dim"]:
        """One vector a sample, in the order of the samples; those that were asked for before are remembered.

        Raises:
            NotEmbeddedError: the embedder does not read the modality.
            UsageError: it returns no vector for a sample.
        """
        named = [_only(sample) for sample in samples]
        keys = [(modality, id(value)) for modality, value in named]
        unknown = [number for number, key in enumerate(keys) if key not in self._kept]
        if unknown:
            found = self._embedded([samples[number] for number in unknown])
            self._kept.update({keys[i]: (named[i][1], z) for i, z in zip(unknown, found, strict=True)})
        return torch.stack([self._kept[key][1] for key in keys])

    def _embedded(self, samples: Sequence[Sample]) -> Float[Tensor, "samples dim"]:
        """One vector a sample, in the order of the samples."""
        (modality,) = {name for sample in samples for name in sample.fields}
        with torch.no_grad():
            embedded = self.embedder.embed(samples)
        if modality not in embedded:
            others = f"; of these samples it embeds: {', '.join(sorted(embedded))}" if embedded else ""
            raise NotEmbeddedError(f"the model does not embed `{modality}`{others}")
        z, rows = embedded[modality].z.cpu(), embedded[modality].rows.cpu()
        if sorted(rows.tolist()) != list(range(len(samples))):
            missing = sorted(set(range(len(samples))) - set(rows.tolist()))
            first = samples[missing[0]].id if missing else "none, some have several"
            raise UsageError(f"the model must give one vector for each `{modality}`; without one: {first}")
        return z[rows.argsort()]


def _only(sample: Sample) -> tuple[str, Any]:
    """The modality and the one value of a bare sample."""
    ((modality, (value,)),) = sample.fields.items()
    return modality, value
