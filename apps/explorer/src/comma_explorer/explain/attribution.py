"""How much each part of a value contributes to a similarity: by leaving it out, or by integrated gradients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from comma_encoders.errors import UsageError
from jaxtyping import Bool, Float
from torch import Tensor

from comma_explorer.explain.side import Side, gate_gradients, gate_scores, kept_scores, score, scores_of

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


def removal(given: Side) -> Attribution:
    """The similarity without a part, taken from that of the whole (Zeiler and Fergus 2014, arXiv:1311.2901).

    So for groups: what is lost without all parts of a group, which is not the sum of what each is worth. A part, or a
    group, that is all there is contributes the whole similarity.
    """
    return _lost(given, lambda asked: kept_scores(given, ~asked))


def masking(given: Side) -> Attribution:
    """As `removal`, but a part stays where it is and turns neutral: nobody knows which element, which word.

    Raises:
        UsageError: parts that cannot be faded.
    """
    return _lost(given, lambda asked: gate_scores(given, (~asked).float()))


def swapping(given: Side) -> Attribution:
    """As `removal`, but a part stays where it is and turns into what other groups of the value are: the mean over them.

    So an atom becomes each other species of its crystal in turn, as in prediction difference analysis, which draws what
    stands in for a part from what else there is (Zintgraf et al. 2017, arXiv:1702.04595). Parts that cannot be swapped,
    or that are all of one group, are left out.
    """
    swapped = given.parts.swapped
    if swapped is None or not _several(given):
        return removal(given)
    groups = given.parts.groups
    names = list(dict.fromkeys(groups))

    def scores(asked: Bool[Tensor, "variants parts"]) -> Float[Tensor, " variants"]:
        own = [*groups, *names]  # of each row: one for every part, then one for every group
        total = torch.zeros(len(own))
        for name in names:
            rows = torch.tensor([row for row, mine in enumerate(own) if mine != name])
            sources = torch.where(asked[rows], groups.index(name), torch.arange(len(groups)))
            total[rows] += scores_of(given, sources, swapped)
        return total / (len(names) - 1)

    return _lost(given, scores)


def occlusion(given: Side) -> Attribution:
    """`removal`; for parts that can be swapped the mean of it and `swapping`.

    A vacancy changes the geometry whatever the element was, so that its effect in part shows the architecture; swapping
    keeps the geometry, and asks for the element alone. `explain-checks.json` has each of the two by itself.
    """
    left_out = removal(given)
    return mean(left_out, swapping(given)) if given.parts.swapped is not None and _several(given) else left_out


def _several(given: Side) -> bool:
    """Whether there is another group for a part to become one of."""
    return len(set(given.parts.groups)) > 1


def mean(a: Attribution, b: Attribution) -> Attribution:
    """The mean of two attributions of the same value."""
    return Attribution(
        values=(a.values + b.values) / 2,
        groups={name: (value + b.groups[name]) / 2 for name, value in a.groups.items()},
        similarity=a.similarity,
        baseline=None,
        gap=None,
    )


def _lost(given: Side, scores: Callable[[Bool[Tensor, "variants parts"]], Float[Tensor, " variants"]]) -> Attribution:
    """What the similarity loses with each part, and with each group: `scores` of rows that mark what is lost."""
    names = list(dict.fromkeys(given.parts.groups))
    of_group = torch.tensor([[group == name for group in given.parts.groups] for name in names], dtype=torch.bool)
    every = torch.eye(len(given.parts), dtype=torch.bool)
    whole = score(given)
    lost = whole - scores(torch.cat([every, of_group]) if names else every)
    values, groups = lost.split([len(every), len(names)])
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

    Raises:
        UsageError: parts that cannot be faded.
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
    {
        "occlusion": occlusion,
        "removal": removal,
        "swapping": swapping,
        "masking": masking,
        "gradients": gradients,
    }
)


def attribute(given: Side, method: str) -> Attribution:
    """Contributions by one of `METHODS`.

    Raises:
        UsageError: another method, or parts that cannot be faded as the method needs.
    """
    check_method(method)
    return METHODS[method](given)


def check_method(method: str) -> None:
    """Refuse what is none of `METHODS`.

    Raises:
        UsageError: with those that there are.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}; it has to be one of {', '.join(METHODS)}")
