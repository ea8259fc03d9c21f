"""A crystal seen twice: by its own vector, and by that of the composition that its atoms make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from comma_data.sample import Sample
from comma_encoders.types import Embedded
from torch.nn.functional import normalize

from comma_eval.baselines.formulas import composition
from comma_eval.task import Embedder


@dataclass(frozen=True, kw_only=True)
class WithComposition:
    """An embedder whose structures are the mean direction of both, where it reads both; other values as they are."""

    embedder: Embedder

    def embed(self, samples: Sequence[Sample]) -> Mapping[str, Embedded]:
        """Vectors as the embedder's. Each sample has at most one structure."""
        found = self.embedder.embed(samples)
        if "structure" not in found:
            return found
        crystals = found["structure"]
        formulas = self.embedder.embed([_formula(samples[row]) for row in crystals.rows.tolist()])
        if "composition" not in formulas:
            return found
        both = crystals.z + formulas["composition"].z[formulas["composition"].rows.argsort()].to(crystals.z)
        return {**found, "structure": replace(crystals, z=normalize(both, dim=1))}


def _formula(sample: Sample) -> Sample:
    """The composition alone, counted from the atoms."""
    bare = replace(sample, fields={"structure": sample.fields["structure"]})
    return replace(sample, fields={"composition": (dict(composition(bare)),)}, annotations={}, provenance={})
