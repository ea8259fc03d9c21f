"""Fault 17: modalities that are missing from a batch."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import torch
from comma_align.config import Objective
from comma_align.errors import EmptyError
from comma_align.objective import Alignment
from comma_data.sample import Sample
from comma_encoders.batch import collate
from comma_encoders.modality import examples
from comma_encoders.model import AlignedModel

from benchmarks.reliability.outcome import Outcome

FAULT = 17
WHAT = "every subset of three modalities: finite loss or a typed refusal, and absent towers as if they were not there"
MODALITIES = ("structure", "text", "xrd")
PAIRS = tuple(combinations(MODALITIES, 2))
COUNT = 4


def run(*, full: bool, folder: Path) -> Outcome:  # noqa: ARG001 - it is small, and writes nothing
    """Train one step on each subset, once with a model of all three and once with a model of the subset alone."""
    subsets = [subset for size in (1, 2, 3) for subset in combinations(MODALITIES, size)]
    good = [_sound(subset) for subset in subsets]
    note = "one modality alone is refused as nothing to align; gradients of absent towers are exactly zero"
    return Outcome(tried=len(good), survived=sum(good), lost=len(good) - sum(good), note=note)


def _sound(subset: tuple[str, ...]) -> bool:
    whole = AlignedModel.create(*MODALITIES, dim=16).eval()  # no dropout: the two models have to agree
    objective = Alignment(PAIRS, Objective(temperature=0.07))
    samples = list(_samples(subset))
    batch = collate(samples, whole.configs)
    try:
        loss = objective(whole(batch), batch.groups)
    except EmptyError:
        return len(subset) == 1
    loss.total.backward()
    absent = [name for name in MODALITIES if name not in subset]
    towers = [p for name in absent for part in (whole.encoders[name], whole.heads[name]) for p in part.parameters()]
    untouched = all(p.grad is None or not p.grad.any() for p in towers)
    finite = bool(torch.isfinite(loss.total))
    return len(subset) > 1 and finite and untouched and _alone(subset, samples, whole, loss.total)


def _alone(subset: tuple[str, ...], samples: list[Sample], whole: AlignedModel, total: torch.Tensor) -> bool:
    """Whether a model that has only these towers gives the same loss."""
    part = AlignedModel.create(*subset, dim=16).eval()
    part.load_state_dict({key: value for key, value in whole.state_dict().items() if key in part.state_dict()})
    objective = Alignment([pair for pair in PAIRS if {*pair} <= {*subset}], Objective(temperature=0.07))
    batch = collate(samples, part.configs)
    return torch.equal(objective(part(batch), batch.groups).total, total)


def _samples(subset: tuple[str, ...]) -> Iterator[Sample]:
    values = {name: examples(name, COUNT) for name in subset}
    for i in range(COUNT):
        fields = {name: (of[i],) for name, of in values.items()}
        yield Sample(id=f"s{i}", fields=fields, groups={"formula": f"F{i}", "material": f"s{i}"})
