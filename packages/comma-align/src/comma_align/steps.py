"""Step number -> what this process works on: its share of the global batch, cut where it is too large for memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.batch import collate, group_code
from comma_encoders.passing import Passed
from comma_encoders.types import Batch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from comma_align.config import Run
from comma_align.hardness import points
from comma_align.order import batches, share, steps_per_epoch
from comma_align.source import Drawn, drawn

Turn: TypeAlias = tuple[int, int]
"""Place of a sample among those of a plan, and which of its visits in an epoch it is, from 0."""


@dataclass(frozen=True, kw_only=True)
class Part(Passed):
    """Samples that go through the encoders together."""

    batch: Batch
    samples: int
    codes: Int[Tensor, " samples"]
    """Of the samples' ids: equal for visits of the same one."""
    reliability: Mapping[str, Float[Tensor, "_"]]
    """Modality -> how much each of its values counts in a positive pair, before any curriculum."""
    truth: Float[Tensor, " samples"] | None = None
    """What the samples' target is, where a stage learns one."""

    def to(self, device: torch.device) -> "Part":
        """The same on another device."""
        return Part(
            batch=self.batch.to(device),
            samples=self.samples,
            codes=self.codes.to(device),
            reliability={name: weights.to(device) for name, weights in self.reliability.items()},
            truth=None if self.truth is None else self.truth.to(device),
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How samples become steps; everything that decides it, so that any process comes to the same."""

    run: Run
    samples: Sequence[Sample]
    configs: Mapping[str, Any]
    """Modality -> config of its encoder; other modalities are left out."""
    epochs: int
    rank: int = 0
    world: int = 1
    truth: Mapping[str, float] | None = None
    """Id -> target."""
    visits: Mapping[str, int] = field(default_factory=dict)
    """Modality -> how often an epoch visits a sample that has it, if not once."""

    def turns(self) -> list[Turn]:
        """All visits of an epoch, in the order of the samples."""
        times = [max((self.visits.get(m, 1) for m in sample.fields), default=1) for sample in self.samples]
        return [(place, turn) for place, count in enumerate(times) for turn in range(count)]


class Steps(Dataset[list[Part]]):
    """The steps of a stage."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._turns = plan.turns()
        self.per_epoch = steps_per_epoch(len(self._turns), plan.run.batch_size)
        places, self._numbers = np.array(self._turns).reshape(-1, 2).T
        where = points(plan.samples, plan.run.hard_negatives)
        self._points = None if where is None else where[places]
        self._order = lru_cache(maxsize=2)(self._batches)

    def __len__(self) -> int:
        """Steps of the whole stage."""
        return self.plan.epochs * self.per_epoch

    def __getstate__(self) -> dict[str, Any]:
        """What a worker process gets: everything but the remembered orders, which it makes itself."""
        return {key: value for key, value in self.__dict__.items() if key != "_order"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take that up."""
        self.__dict__.update(state)
        self._order = lru_cache(maxsize=2)(self._batches)

    def _batches(self, epoch: int) -> list[list[int]]:
        run = self.plan.run
        together = run.hard_negatives.together
        return batches(
            len(self._turns),
            run.batch_size,
            run.seed,
            epoch,
            points=self._points,
            together=together,
            apart=self._numbers,
        )

    def turns(self, step: int) -> list[Turn]:
        """The visits of the global batch of a step."""
        epoch, number = divmod(step, self.per_epoch)
        return [self._turns[i] for i in self._order(epoch)[number]]

    def ids(self, step: int) -> list[str]:
        """Ids of the samples of a global batch."""
        return [self.plan.samples[place].id for place, _ in self.turns(step)]

    def __getitem__(self, step: int) -> list[Part]:
        """This process's share of the batch of a step."""
        mine = share(self.turns(step), self.plan.rank, self.plan.world)
        epoch = step // self.per_epoch
        return cut([drawn(self.plan.samples[i], self.plan.run, epoch, turn) for i, turn in mine], self.plan)


def cut(visited: Sequence[Drawn], plan: Plan) -> list[Part]:
    """The samples in parts that stay within the budget, halved until they do or one sample is left; none for none."""
    if not visited:
        return []
    part = _part(visited, plan)
    if len(visited) > 1 and 0 < plan.run.edge_budget < largest(part.batch):
        half = len(visited) // 2
        return [*cut(visited[:half], plan), *cut(visited[half:], plan)]
    return [part]


def largest(batch: Batch) -> int:
    """Numbers along the longest side of what the encoders get: edges of structures, tokens of texts, pixels."""
    return max((_length(tensor) for inputs in batch.inputs.values() for tensor in inputs.values()), default=0)


def _length(tensor: Tensor) -> int:
    """Edges have three coordinates each, and count once; pictures and patterns count every value."""
    return tensor.numel() if tensor.ndim > 2 else (len(tensor) if tensor.ndim else 1)


def _part(visited: Sequence[Drawn], plan: Plan) -> Part:
    samples = [one.sample for one in visited]
    batch = collate(samples, plan.configs)
    table: dict[str, float] = {str(how): weight for how, weight in plan.run.objective.reliability.items()}
    counts = {
        name: torch.tensor([table.get(visited[i].joined_by[name], 1.0) for i in rows.tolist()])
        for name, rows in batch.rows.items()
    }
    truth = None if plan.truth is None else torch.tensor([plan.truth[sample.id] for sample in samples])
    codes = torch.tensor([group_code(sample.id) for sample in samples])
    return Part(batch=batch, samples=len(samples), codes=codes, reliability=counts, truth=truth)
