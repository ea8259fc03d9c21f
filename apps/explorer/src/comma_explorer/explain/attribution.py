"""How much each part of a value contributes to a similarity: by leaving it out, or by integrated gradients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from comma_encoders.errors import UsageError
from jaxtyping import Float
from torch import Tensor

from comma_explorer.explain.side import Side, gate_gradients, kept_scores, score

TOLERANCE = 1e-3
"""What the sum of integrated gradients may lack of the whole difference; steps are doubled until it is reached."""
FEWEST, MOST = 16, 512
"""Steps along the path."""


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Contributions to the similarity of a pair; positive ones raise it."""

    values: Float[np.ndarray, " parts"]
    groups: Mapping[str, float]
    """What a group contributes, such as a step: in the order of the value; empty where parts have no groups."""
    similarity: float
    """Of the whole value."""
    baseline: float | None
    """Where the path of integrated gradients begins: everything faded. Contributions sum to similarity - baseline."""
    gap: float | None
    """What they lack of that."""


def occlusion(given: Side) -> Attribution:
    """The similarity without a part, taken from that of the whole (Zeiler and Fergus 2014, arXiv:1311.2901).

    So for groups: what is lost without all parts of a group, which is not the sum of what each is worth. A part, or a
    group, that is all there is contributes the whole similarity.
    """
    names = list(dict.fromkeys(given.parts.groups))
    of_group = [[group != name for group in given.parts.groups] for name in names]
    every = ~torch.eye(len(given.parts), dtype=torch.bool)
    whole = score(given)
    without = whole - kept_scores(
        given, torch.cat([every, torch.tensor(of_group, dtype=torch.bool)]) if names else every
    )
    values, groups = without.split([len(every), len(names)])
    return Attribution(
        values=values.numpy().astype(np.float64),
        groups=dict(zip(names, groups.tolist(), strict=True)),
        similarity=whole,
        baseline=None,
        gap=None,
    )


def gradients(given: Side) -> Attribution:
    """Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365, equation 1) along the fading of all parts.

    The integral over the embeddings of a part, summed over their channels, is that over the part's gate. Contributions
    sum to the similarity minus that of the faded value (completeness) within `TOLERANCE`; a group's is the sum of its
    parts'. Gauss-Legendre nodes, doubled from 16 up to 512; `gap` says what is lacking even so.
    """
    ends, _ = gate_gradients(given, torch.tensor([[0.0], [1.0]]).expand(-1, len(given.parts)).contiguous())
    baseline, whole = ends.tolist()
    steps, values = FEWEST, _integrated(given, FEWEST)
    while abs(float(values.sum()) - (whole - baseline)) > TOLERANCE and steps < MOST:
        steps *= 2
        values = _integrated(given, steps)
    return Attribution(
        values=values,
        groups=summed(values, given.parts.groups),
        similarity=whole,
        baseline=baseline,
        gap=float(values.sum()) - (whole - baseline),
    )


def summed(values: Float[np.ndarray, " parts"], groups: tuple[str, ...]) -> dict[str, float]:
    """Group -> the sum of its parts, in the order in which groups come."""
    out: dict[str, float] = {}
    for value, group in zip(values.tolist(), groups, strict=bool(groups)):
        out[group] = out.get(group, 0.0) + value
    return out


def _integrated(given: Side, steps: int) -> Float[np.ndarray, " parts"]:
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    at: Tensor = torch.from_numpy((nodes + 1) / 2).float()
    _, slopes = gate_gradients(given, at[:, None].expand(-1, len(given.parts)).contiguous())
    return np.asarray(weights / 2 @ slopes.numpy().astype(np.float64))


METHODS: Mapping[str, Callable[[Side], Attribution]] = MappingProxyType(
    {"occlusion": occlusion, "gradients": gradients}
)


def attribute(given: Side, method: str) -> Attribution:
    """Contributions by one of `METHODS`.

    Raises:
        UsageError: another method.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}; it has to be {' or '.join(METHODS)}")
    return METHODS[method](given)
