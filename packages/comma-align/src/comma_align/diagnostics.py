"""Signs of collapse: whether positives come together, and whether everything else stays apart."""

from collections.abc import Mapping

import torch
from comma_encoders.types import Embedded
from jaxtyping import Float
from torch import Tensor

from comma_align.pairs import Pair, label

MOST = 2048
"""Vectors of a modality that are looked at; more say nothing else."""


def alignment(za: Float[Tensor, "pairs dim"], zb: Float[Tensor, "pairs dim"]) -> float:
    """Mean squared distance of positive pairs (Wang and Isola 2020, arXiv:2005.10242, eq. 1, alpha = 2); 0 is best."""
    return (za - zb).detach().square().sum(dim=1).mean().item()


def uniformity(z: Float[Tensor, "n dim"], t: float = 2.0) -> float:
    """Logarithm of the mean of exp(-t d²) over all pairs (Wang and Isola 2020, eq. 2).

    0 where all vectors are one; about -2 t where they lie evenly on a sphere of many dimensions.
    """
    if len(z) < 2:
        return 0.0
    return torch.pdist(z.detach()).square().mul(-t).exp().mean().log().item()


def effective_rank(z: Float[Tensor, "n dim"]) -> float:
    """Dimensions that the vectors use: exp of the entropy of their singular values (Roy and Vetterli 2007).

    doi:10.5281/zenodo.40328, definition 1; 1 where all lie on a line, at most the dimension.
    """
    values = torch.linalg.svdvals(z.detach().double())
    share = values / values.sum().clamp(min=1e-300)
    return torch.special.entr(share).sum().exp().item()


def diagnose(embedded: Mapping[str, Embedded], pairs: tuple[Pair, ...]) -> dict[str, float]:
    """The three figures by pair and by modality, under names such as `alignment structure-text`."""
    out = {}
    for a, b in pairs:
        if a in embedded and b in embedded:
            both = [_first(embedded[m]) for m in (a, b)]
            shared = sorted(both[0].keys() & both[1].keys())[:MOST]
            if shared:
                sides = (embedded[m].z[[of[row] for row in shared]] for m, of in zip((a, b), both, strict=True))
                out[f"alignment {label((a, b))}"] = alignment(*sides)
    for name, found in embedded.items():
        z = found.z[:MOST].float()
        out[f"uniformity {name}"] = uniformity(z)
        out[f"effective rank {name}"] = effective_rank(z)
    return out


def _first(embedded: Embedded) -> dict[int, int]:
    """Sample -> the first of its vectors."""
    rows: list[int] = embedded.rows.tolist()
    return {row: place for place, row in reversed(list(enumerate(rows)))}
