"""The stage `pretrain`: every encoder learns alone, to undo the corruption of its own modality."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from comma_data.sample import Sample
from comma_encoders import folder as model_folder
from comma_encoders.batch import group_code
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel
from torch import Tensor, nn

from comma_align import folder, schedule
from comma_align.config import Run
from comma_align.errors import EmptyError
from comma_align.gather import rank, sum_gradients, total, world
from comma_align.precision import autocast
from comma_align.source import Drawn, Source
from comma_align.stage import Grow, Score, Terms, seeded
from comma_align.steps import Part, Plan, Steps, cut

MOST = 256
"""Validation samples that are looked at."""
AT_A_TIME = 64


def learnable(run: Run) -> tuple[str, ...]:
    """The modalities that are pre-trained.

    Raises:
        EmptyError: one that is asked for has no task of its own, or none has.
    """
    having = tuple(name for name in run.modalities if get(name).Pretext is not None)
    for name in run.pretrain.modalities:
        if name not in having:
            raise EmptyError(f"pretrain: {name} has no task to pre-train on; these have: {', '.join(having) or 'none'}")
    chosen = tuple(name for name in having if not run.pretrain.modalities or name in run.pretrain.modalities)
    if not chosen:
        raise EmptyError(f"pretrain: none of {', '.join(run.modalities)} has a task to pre-train on")
    return chosen


def learnt(run: Run, source: Source) -> tuple[tuple[str, ...], list[Sample]]:
    """The modalities that are pre-trained, and on what.

    Raises:
        EmptyError: as of `learnable`, or no training sample has one of them.
    """
    names = learnable(run)
    samples = [sample for sample in source.train if any(sample.fields.get(name) for name in names)]
    if not samples:
        raise EmptyError(f"pretrain: no training sample has one of {', '.join(names)}")
    return names, samples


class Pretrain:
    """Self-supervised training of the encoders of a model; each has a loss of its own, and none sees another."""

    name = "pretrain"
    leaves = folder.MODEL
    aside: Sequence[nn.Parameter] = ()

    def __init__(self, run: Run, source: Source, model: AlignedModel, accelerator: Accelerator) -> None:
        self.run, self.model, self.accelerator = run, model, accelerator
        self.validation: Sequence[Sample] = source.validation[:MOST]
        names, samples = learnt(run, source)
        tasks = {name: get(name).Pretext(model.encoders[name], model.configs[name]) for name in names}  # type: ignore[misc]  # learnable
        self.tasks = nn.ModuleDict(tasks).to(accelerator.device)
        self.encoders = nn.ModuleDict({name: model.encoders[name] for name in names})
        self.modules = nn.ModuleDict({"encoders": self.encoders, "tasks": self.tasks})
        self.optimizer: torch.optim.Optimizer = schedule.adamw(
            self.encoders.parameters(), self.tasks.parameters(), run.optimizer
        )
        self.steps = Steps(
            Plan(
                run=run,
                samples=samples,
                configs={name: model.configs[name] for name in names},
                epochs=run.pretrain.epochs,
                rank=accelerator.process_index,
                world=accelerator.num_processes,
            )
        )

    def backward(self, parts: Sequence[Part], step: int, grow: Grow) -> Terms:
        """Gradients of the mean over the values of the global batch, modality by modality."""
        device = self.accelerator.device
        counts = {name: total(sum(_values(part, name) for part in parts), device) for name in self.tasks}
        terms: dict[str, float] = {}
        for number, part in enumerate(parts):
            losses = {}
            for name, found in self._losses(part, step, number).items():
                weight = _values(part, name.split()[0]) / counts[name.split()[0]]
                losses[name] = weight * found
                terms[name] = terms.get(name, 0.0) + losses[name].item()
            if losses:  # chance can leave out of all samples what is pre-trained
                grow(torch.stack(list(losses.values())).sum()).backward()
        sum_gradients([*self.modules.parameters()])
        # the names of the terms depend on what a process has, the names of the modalities do not
        sums = {name: total(sum(v for t, v in terms.items() if t.split()[0] == name), device) for name in self.tasks}
        return Terms(total=sum(sums.values()), terms=terms if world() == 1 else sums)

    def _losses(self, part: Part, step: int, number: int) -> dict[str, Tensor]:
        """`MODALITY THING` -> loss of a part."""
        seeded(self.run.seed, self.name, step, rank(), number)
        rng = torch.Generator().manual_seed(group_code(f"{self.run.seed}/{step}/{rank()}/{number}"))
        out = {}
        with autocast(self.run.precision, self.accelerator.device):
            for name, inputs in part.batch.inputs.items():
                out.update({f"{name} {thing}": loss for thing, loss in self.tasks[name](inputs, rng).items()})
        return out

    def figures(self) -> Mapping[str, float]:
        """Nothing more."""
        return {}

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Write the model."""
        model_folder.save(self.model, path, about)

    @torch.no_grad()
    def validate(self) -> Score:
        """The losses on validation samples, corrupted alike each time; a mean over values."""
        rng = torch.Generator().manual_seed(0)
        self.modules.eval()
        summed, count = Counter[str](), Counter[str]()
        for start in range(0, len(self.validation), AT_A_TIME):
            for part in cut([_first(s) for s in self.validation[start : start + AT_A_TIME]], self.steps.plan):
                for name, inputs in part.to(self.accelerator.device).batch.inputs.items():
                    for thing, loss in self.tasks[name](inputs, rng).items():
                        summed[f"{name} {thing}"] += _values(part, name) * loss.item()
                        count[f"{name} {thing}"] += _values(part, name)
        self.modules.train()
        if not count:
            return Score(value=None, figures={"validation": {}}, note="no validation sample has what is pre-trained")
        means = {name: summed[name] / count[name] for name in count}
        note = "validation " + ", ".join(f"{name} {value:.3f}" for name, value in means.items())
        return Score(value=-sum(means.values()), figures={"validation": means}, note=note)


def _values(part: Part, name: str) -> int:
    return len(part.batch.rows.get(name, ()))


def _first(sample: Sample) -> Drawn:
    """The sample with one value a modality."""
    fields = {name: values[:1] for name, values in sample.fields.items() if values}
    return Drawn(sample=replace(sample, fields=fields), joined_by=dict.fromkeys(fields, "entry"))
