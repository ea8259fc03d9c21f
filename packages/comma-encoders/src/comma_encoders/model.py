"""The aligned model: an encoder and a projection head for each modality, in one space."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.batch import collate
from comma_encoders.errors import InputError, UsageError
from comma_encoders.modality import get
from comma_encoders.types import Batch, Embedded, SampleLike


@dataclass(frozen=True, kw_only=True)
class _Values:
    """A sample made of one value, for `AlignedModel.encode`."""

    fields: Mapping[str, tuple[Any, ...]]
    groups: Mapping[str, str] = field(default_factory=dict)


class Head(nn.Module):
    """Projection from an encoder's vectors into the shared space: a linear map plus a small network.

    The linear path lets what adds up in one modality, such as the elements, add up in another, also in combinations
    that training never showed; a network alone (SimCLR, Chen et al. 2020, arXiv:2002.05709) learns them by heart.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, dim)
        self.network = nn.Sequential(nn.Linear(width, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, x: Float[Tensor, "values width"]) -> Float[Tensor, "values dim"]:
        """Project; the result is not normalised."""
        x = self.norm(x)
        projected: Tensor = self.linear(x) + self.network(x)
        return projected


class AlignedModel(nn.Module):
    """Encoders and heads; every modality ends as unit vectors of the same dimension."""

    def __init__(self, configs: Mapping[str, Any], dim: int = 128) -> None:
        """Make a model with random weights.

        Args:
            configs: modality -> its config, e.g. `{"structure": get("structure").Config()}`.
            dim: dimension of the shared space.
        """
        super().__init__()
        self.configs = dict(sorted(configs.items()))
        self.dim = dim
        encoders = {name: get(name).Encoder(config) for name, config in self.configs.items()}
        self.encoders = nn.ModuleDict(encoders)
        self.heads = nn.ModuleDict({name: Head(encoder.width, dim) for name, encoder in encoders.items()})

    @classmethod
    def create(cls, *modalities: str, dim: int = 128, seed: int = 0) -> "AlignedModel":
        """A model of these modalities with their default configs and random weights drawn from `seed`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls({name: get(name).Config() for name in modalities}, dim)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, batch: Batch) -> dict[str, Embedded]:
        """Unit vectors of every modality that the batch holds."""
        return {
            name: Embedded(
                z=functional.normalize(self.heads[name](self.encoders[name](inputs)), dim=-1), rows=batch.rows[name]
            )
            for name, inputs in batch.inputs.items()
        }

    @torch.inference_mode()
    def embed(self, samples: Sequence[SampleLike], *, batch_size: int = 64) -> dict[str, Embedded]:
        """Unit vectors of all values of all samples, on the CPU; `rows` says which sample each belongs to.

        The result does not depend on `batch_size`.
        """
        training = self.training
        self.eval()
        parts: list[tuple[int, dict[str, Embedded]]] = []
        for start in range(0, len(samples), batch_size):
            batch = collate(samples[start : start + batch_size], self.configs)
            parts.append((start, self(batch.to(self.device))))
        self.train(training)
        return {name: _joined(name, parts) for name in self.configs if any(name in part for _, part in parts)}

    def encode(self, modality: str, values: Iterable[Any], *, batch_size: int = 64) -> Float[Tensor, "values dim"]:
        """Unit vectors of what users have: pymatgen structures, formulas, paragraphs, paths, raw values.

        Raises:
            UsageError: the model has no such modality.
            InputError: a value that cannot be encoded.
        """
        if modality not in self.configs:
            raise UsageError(f"this model has no modality {modality!r}; it has {', '.join(self.configs)}")
        samples = [_Values(fields={modality: (get(modality).coerce(value),)}) for value in values]
        if not samples:
            raise InputError(f"no {modality} values were given")
        return self.embed(samples, batch_size=batch_size)[modality].z


def _joined(name: str, parts: Sequence[tuple[int, Mapping[str, Embedded]]]) -> Embedded:
    """The vectors of one modality over all batches, rows counted from the first sample of all."""
    return Embedded(
        z=torch.cat([part[name].z.cpu() for _, part in parts if name in part]),
        rows=torch.cat([part[name].rows.cpu() + start for start, part in parts if name in part]),
    )
