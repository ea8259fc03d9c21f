"""An imputer from paired vectors in seconds, for any model, without training it again.

Directions come from ridge regression. How sure they are is learnt from predictions for samples that the regression did
not see (cross-fitting): its own samples would make it far too sure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from comma_encoders.errors import InputError
from comma_encoders.imputer import LEVELS, SILENT, Imputer, Present, Vectors, as_embedded, side_by_side
from comma_encoders.types import Embedded
from comma_encoders.vmf import cap_angle, concentration_of, negative_log_likelihood

FOLDS = 5
LEAST_PAIRS = 20
"""With fewer samples that have both, nothing is said of one modality from the other."""
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridge penalties that are tried, against a sum of squares of the unit vectors."""
SPREAD = 0.5
"""Prior standard deviation of the logarithm of the concentration from sample to sample."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A linear map, and what it predicts for samples that it was not fitted to."""

    weight: Float[Tensor, "ahead dim"]
    bias: Float[Tensor, " ahead"]
    unseen: Float[Tensor, "n ahead"]


def ridge(x: Float[Tensor, "n dim"], y: Float[Tensor, "n out"], penalty: float) -> tuple[Tensor, Tensor]:
    """Weight (out, dim) and bias (out,) of the regression of y on x; the bias is not penalised."""
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - x_mean, y - y_mean
    gram = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weight = torch.linalg.solve(gram, x.T @ y).T
    return weight, y_mean - weight @ x_mean


def _unseen(x: Tensor, y: Tensor, folds: Int[Tensor, " n"], penalty: float) -> Float[Tensor, "n out"]:
    """Unit predictions of each fold from the others."""
    out = torch.zeros_like(y)
    for fold in range(FOLDS):
        inside = folds == fold
        weight, bias = ridge(x[~inside], y[~inside], penalty)
        out[inside] = functional.normalize(x[inside] @ weight.T + bias, dim=1)
    return out


def _line(x: Float[Tensor, "n dim"], y: Float[Tensor, "n dim"], folds: Int[Tensor, " n"]) -> _Line:
    """The ridge regression whose penalty predicts unseen samples best."""
    tried = [(p, _unseen(x, y, folds, p)) for p in PENALTIES]
    penalty, unseen = max(tried, key=lambda pair: float((pair[1] * y).sum()))
    weight, bias = ridge(x, y, penalty)
    return _Line(weight=weight, bias=bias, unseen=unseen)


def _minimised(parameters: list[Tensor], loss: Callable[[], Tensor]) -> None:
    """Bring the parameters to a minimum of the loss by L-BFGS."""
    optimizer = torch.optim.LBFGS(parameters, max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


def _strength(x: Tensor, y: Tensor, unseen: Tensor) -> tuple[Float[Tensor, " dim"], Float[Tensor, ""]]:
    """Weights and bias of the logarithm of the concentration, by maximum likelihood on unseen predictions."""
    n, dim = x.shape
    start = concentration_of((unseen * y).sum(dim=1).mean(), dim).log()
    weight = torch.zeros(dim, dtype=x.dtype, requires_grad=True)
    bias = start.clone().requires_grad_()
    centre = x.mean(dim=0)
    spread = (x - centre).square().sum(dim=1).mean() / dim
    prior = weight.square
    _minimised(
        [weight, bias],
        lambda: (
            (
                negative_log_likelihood(unseen, ((x - centre) @ weight + bias).clamp(-4, 11).exp(), y).sum()
                + prior().sum() * spread / (2 * SPREAD**2)
            )
            / n
        ),
    )
    found = weight.detach()
    return found, bias.detach() - centre @ found


def _teach(imputer: Imputer, present: Present, source: str, target: str, folds: Tensor) -> Float[Tensor, "samples dim"]:
    """Fit one expert; returns what it says of unseen samples, zero where it is silent."""
    both = present.there[source] & present.there[target]
    expert = imputer.expert(source, target)
    said = torch.zeros_like(present.z[target])
    with torch.no_grad():
        if int(both.sum()) < LEAST_PAIRS:
            expert.strength.bias.fill_(SILENT)
            return said
    x, y = present.z[source][both], present.z[target][both]
    line = _line(x, y, folds[both])
    weight, bias = _strength(x, y, line.unseen)
    with torch.no_grad():
        expert.direction.weight.copy_(line.weight)
        expert.direction.bias.copy_(line.bias)
        expert.strength.weight.copy_(weight[None])
        expert.strength.bias.copy_(bias)
        said[both] = line.unseen * (x @ weight + bias).clamp(-4, 11).exp()[:, None]
    return said


def _teach_overlap(imputer: Imputer, said: Mapping[str, Tensor], truth: Tensor, target: str) -> None:
    """How much each pair of sources repeats the other, from samples for which both spoke."""
    raw = imputer.overlap[target]
    places = {name: i for i, name in enumerate(imputer.modalities)}
    names = sorted(said, key=places.__getitem__)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            both: Bool[Tensor, " samples"] = (said[a].norm(dim=1) > 0) & (said[b].norm(dim=1) > 0)
            if int(both.sum()) >= LEAST_PAIRS:
                natural = said[a][both] + said[b][both]
                found = _overlap(natural, truth[both])
                with torch.no_grad():
                    raw[places[a], places[b]] = found


def _overlap(natural: Float[Tensor, "n dim"], truth: Float[Tensor, "n dim"]) -> Float[Tensor, ""]:
    """Of two experts, before the softplus: by maximum likelihood."""
    length = natural.norm(dim=1)
    direction = natural / length[:, None]
    raw = torch.zeros((), dtype=natural.dtype, requires_grad=True)
    _minimised([raw], lambda: negative_log_likelihood(direction, length / (1 + functional.softplus(raw)), truth).mean())
    return raw.detach()


@torch.no_grad()
def _compare(imputer: Imputer, said: Mapping[str, Tensor], truth: Tensor, target: str) -> None:
    """Note how far unseen true vectors lie, from each source alone and from all together."""
    ratios = [torch.zeros(0, dtype=truth.dtype)]
    for part in [{name: natural} for name, natural in said.items()] + [dict(said)]:
        seen = torch.stack([natural != 0 for natural in part.values()]).any(dim=0).any(dim=1)
        direction, concentration = imputer.combined({name: natural[seen] for name, natural in part.items()}, target)
        angle = (direction * truth[seen]).sum(dim=1).clamp(-1, 1).acos()
        ratios.append(angle / cap_angle(concentration, truth.shape[1], 0.5))
    pooled = torch.cat(ratios)
    if len(pooled):
        levels = torch.tensor(LEVELS, dtype=pooled.dtype)
        imputer.ratios[imputer.modalities.index(target)] = pooled.quantile(levels)


def fit(embedded: Mapping[str, Embedded | Vectors], *, seed: int = 0) -> Imputer:
    """An imputer for the modalities of `embedded`, learnt from the samples that have two of them or more.

    Args:
        embedded: modality -> vectors of samples of which it may learn, as `AlignedModel.embed` gives them; row i of
            plain arrays belongs to sample i.
        seed: of the five folds of the cross-fitting.

    Raises:
        UsageError: fewer than two modalities.
        InputError: no two modalities have `LEAST_PAIRS` samples in common.
    """
    given = {name: as_embedded(vectors) for name, vectors in embedded.items()}
    exact = {name: Embedded(z=e.z.detach().cpu().double(), rows=e.rows.cpu()) for name, e in given.items()}
    present = side_by_side(exact)
    imputer = Imputer(list(embedded), next(iter(exact.values())).z.shape[1]).double()
    folds = torch.randperm(len(present.rows), generator=torch.Generator().manual_seed(seed)) % FOLDS
    taught = False
    for target in imputer.modalities:
        said = {m: _teach(imputer, present, m, target, folds) for m in imputer.modalities if m != target}
        taught = taught or any(bool(s.any()) for s in said.values())
        _teach_overlap(imputer, said, present.z[target], target)
        _compare(imputer, said, present.z[target], target)
    if not taught:
        raise InputError(
            f"an imputer learns from samples that have two modalities; no two of {', '.join(imputer.modalities)} have "
            f"{LEAST_PAIRS} samples in common"
        )
    return imputer.float().eval()
