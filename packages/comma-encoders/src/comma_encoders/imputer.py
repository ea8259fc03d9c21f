"""The vector of an absent modality from those that are present, with an uncertainty.

Every present modality is an expert that gives a von Mises-Fisher distribution of the absent vector: a mean direction
and a concentration. The experts are multiplied, as in Wu and Goodman 2018 (arXiv:1802.05335): a product of such
distributions is one again, whose natural parameter (concentration times direction) is the sum of theirs. Whatever
subset is there, the rest adds nothing; experts that agree are surer together, experts that contradict each other less
sure. Experts that know the same thing must not count twice, so the concentration is divided by the design effect
1 + (k - 1) ρ of k experts with mean overlap ρ (Kish 1965, Survey Sampling, section 5.4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.errors import InputError, UsageError
from comma_encoders.settings import LEAST_DIM
from comma_encoders.types import Embedded
from comma_encoders.vmf import cap_angle, mean_cosine, negative_log_likelihood

Vectors = Float[Tensor, "_ dim"] | Float[np.ndarray, "_ dim"]
"""Unit vectors, row i those of sample i."""

CONCENTRATIONS = (1e-2, 1e5)
"""Smallest and largest concentration that is given out."""

LEVELS = tuple(np.linspace(0.01, 0.99, 99).tolist())
"""Probabilities at which angles are compared with unseen samples."""


SILENT = -20.0
"""Logarithm of the concentration of an expert that knows nothing."""
HEARD = float(np.exp(SILENT + 1))
"""Concentrations above are said by experts that know something."""


@dataclass(frozen=True, kw_only=True)
class Imputed:
    """Where an absent vector is expected, and how surely."""

    z: Float[Tensor, "samples dim"]
    """Expected directions, unit vectors."""
    rows: Int[Tensor, " samples"]
    """The sample that each belongs to."""
    concentration: Float[Tensor, " samples"]
    """Of the von Mises-Fisher distribution; larger is surer."""
    ratios: Float[Tensor, " levels"] | None = None
    """Angle to unseen true vectors over the distribution's median angle: its quantiles at `LEVELS`, where measured."""

    @property
    def uncertainty(self) -> Float[Tensor, " samples"]:
        """1 minus the expected cosine between `z` and the true vector: 0 is certain, 1 is no idea."""
        return 1 - mean_cosine(self.concentration, self.z.shape[1])

    def angle(self, level: float = 0.95) -> Float[Tensor, " samples"]:
        """Radians around `z` within which the true vector lies with probability `level`.

        Where the imputer was compared with unseen samples the median angle is widened by what was seen there, so that
        the share holds on average over samples of that kind whatever the true distribution is (split conformal
        prediction with normalised scores; Lei et al. 2018, doi:10.1080/01621459.2017.1307116, section 5.2).

        Raises:
            UsageError: a level below 0.01 or above 0.99.
        """
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise UsageError(f"a level of {level}; it has to lie between {LEVELS[0]} and {LEVELS[-1]}")
        if self.ratios is None:
            return cap_angle(self.concentration, self.z.shape[1], level)
        factor = float(np.interp(level, LEVELS, self.ratios.cpu().numpy()))
        return (factor * cap_angle(self.concentration, self.z.shape[1], 0.5)).clamp(max=np.pi)


@dataclass(frozen=True, kw_only=True)
class Present:
    """Vectors of some modalities side by side, one row a sample."""

    z: Mapping[str, Float[Tensor, "samples dim"]]
    there: Mapping[str, Bool[Tensor, " samples"]]
    """Whether the sample has the modality; where it has not, the row of `z` is zero."""
    rows: Int[Tensor, " samples"]


class Expert(nn.Module):
    """What one modality says of another: concentration times direction."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.direction = nn.Linear(dim, dim)
        self.strength = nn.Linear(dim, 1)
        """To the logarithm of the concentration."""
        nn.init.zeros_(self.strength.weight)
        nn.init.constant_(self.strength.bias, float(np.log(dim / 2)))

    def forward(self, z: Float[Tensor, "n dim"]) -> Float[Tensor, "n dim"]:
        """The natural parameter of the expert's distribution."""
        direction = functional.normalize(self.direction(z), dim=-1)
        natural: Tensor = self.strength(z).exp() * direction
        return natural


class Imputer(nn.Module):
    """Experts for every ordered pair of modalities."""

    ratios: Tensor

    def __init__(self, modalities: Sequence[str], dim: int) -> None:
        """Make experts that know nothing yet; `imputer_fit.fit` or a trainer teaches them.

        Raises:
            UsageError: fewer than two modalities, or vectors of less than 6 dimensions.
        """
        super().__init__()
        if len(modalities) < 2 or dim < LEAST_DIM:
            raise UsageError(
                f"imputation needs two modalities or more and vectors of at least {LEAST_DIM} dimensions; this model "
                f"has {', '.join(modalities)} and {dim} dimensions"
            )
        self.modalities = tuple(sorted(modalities))
        self.dim = dim
        self.experts = nn.ModuleDict(
            {
                target: nn.ModuleDict({source: Expert(dim) for source in self.modalities if source != target})
                for target in self.modalities
            }
        )
        count = len(self.modalities)
        self.overlap = nn.ParameterDict({target: nn.Parameter(torch.zeros(count, count)) for target in self.modalities})
        # NaN: not compared with unseen samples, so the distribution is taken at its word
        self.register_buffer("ratios", torch.full((count, len(LEVELS)), torch.nan))

    def expert(self, source: str, target: str) -> Expert:
        """What speaks of the target from the source."""
        return cast(Expert, cast(nn.ModuleDict, self.experts[target])[source])

    def design_effect(self, target: str, there: Float[Tensor, "n modalities"]) -> Float[Tensor, " n"]:
        """How many times too sure the experts that are there would be if each counted in full."""
        overlap = functional.softplus(self.overlap[target]).triu(diagonal=1)
        pairs = torch.einsum("ni,ij,nj->n", there, overlap, there)
        return 1 + 2 * pairs / there.sum(dim=1).clamp(min=1)

    def combined(
        self, said: Mapping[str, Float[Tensor, "samples dim"]], target: str
    ) -> tuple[Float[Tensor, "samples dim"], Float[Tensor, " samples"]]:
        """Direction and concentration of the product of the experts; who is absent has said zero."""
        natural = torch.stack(list(said.values())).sum(dim=0)
        absent = torch.zeros_like(natural[:, 0])
        # who knows nothing repeats nobody: counted as present, it would make the others less sure
        spoke = {name: (part.norm(dim=1) > HEARD).to(natural.dtype) for name, part in said.items()}
        there = torch.stack([spoke.get(name, absent) for name in self.modalities], dim=1)
        length = natural.norm(dim=1)
        concentration = (length / self.design_effect(target, there)).clamp(*CONCENTRATIONS)
        return natural / length[:, None].clamp(min=1e-12), concentration

    def forward(self, present: Present, target: str) -> tuple[Float[Tensor, "samples dim"], Float[Tensor, " samples"]]:
        """Mean directions and concentrations of the target's vectors; the target's own vectors are not looked at."""
        sources = [name for name in self.modalities if name != target and name in present.z]
        said = {
            name: present.there[name][:, None].to(present.z[name].dtype) * self.expert(name, target)(present.z[name])
            for name in sources
        }
        return self.combined(said, target)

    @torch.no_grad()
    def impute(self, present: Present, target: str) -> Imputed:
        """The target's vectors, where the samples have another modality.

        Raises:
            UsageError: the target or a source is unknown, or nothing but the target is given.
        """
        unknown = [name for name in (target, *present.z) if name not in self.modalities]
        if unknown:
            raise UsageError(f"the imputer knows {', '.join(self.modalities)}; it does not know {unknown[0]!r}")
        if set(present.z) == {target}:
            raise UsageError(f"to impute {target!r}, give the vectors of another modality")
        seen = torch.stack([there for name, there in present.there.items() if name != target]).any(dim=0)
        direction, concentration = self(present, target)
        ratios = self.ratios[self.modalities.index(target)]
        return Imputed(
            z=direction[seen],
            rows=present.rows[seen],
            concentration=concentration[seen],
            ratios=None if bool(ratios.isnan().any()) else ratios,
        )


def imputation_loss(
    imputer: Imputer, present: Present, target: str, truth: Float[Tensor, "samples dim"]
) -> Float[Tensor, ""]:
    """Mean negative log-likelihood of the target's true vectors: what a trainer adds to its loss.

    A trainer that sets `present.there` to False at random teaches every subset.
    """
    direction, concentration = imputer(present, target)
    return negative_log_likelihood(direction, concentration, truth).mean()


def side_by_side(known: Mapping[str, Embedded | Vectors]) -> Present:
    """Vectors of several modalities, aligned by sample; several vectors of a sample become their mean direction.

    Raises:
        UsageError: nothing is given.
        InputError: plain arrays of different lengths, or vectors of different dimensions.
    """
    if not known:
        raise UsageError("nothing to impute from: give the vectors of one modality or more")
    plain = {name: len(v) for name, v in known.items() if not isinstance(v, Embedded)}
    if len(set(plain.values())) > 1:
        raise InputError(f"row i has to belong to sample i in every array, but their lengths differ: {plain}")
    embedded = {name: as_embedded(v) for name, v in known.items()}
    dims = {name: e.z.shape[1] for name, e in embedded.items()}
    if len(set(dims.values())) > 1:
        raise InputError(f"the vectors have different dimensions: {dims}")
    rows = torch.cat([e.rows for e in embedded.values()]).unique()
    return Present(
        z={name: _gathered(e, rows) for name, e in embedded.items()},
        there={name: torch.isin(rows, e.rows) for name, e in embedded.items()},
        rows=rows,
    )


def as_embedded(vectors: Embedded | Vectors) -> Embedded:
    """Vectors with their rows; row i of plain arrays belongs to sample i."""
    if isinstance(vectors, Embedded):
        return vectors
    z = torch.as_tensor(vectors)
    return Embedded(z=z, rows=torch.arange(len(z), device=z.device))


def _gathered(embedded: Embedded, rows: Int[Tensor, " samples"]) -> Float[Tensor, "samples dim"]:
    """One unit vector for each of these samples, zero where it has none."""
    places = torch.searchsorted(rows, embedded.rows)
    total = embedded.z.new_zeros(len(rows), embedded.z.shape[1]).index_add(0, places, embedded.z)
    return functional.normalize(total, dim=1)
