"""The stage `supervised`: encoders and a head learn one property, from scratch or from an aligned model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from comma_data.errors import ConfigError
from comma_data.sample import Sample
from comma_data.split import first_labels
from comma_encoders.model import AlignedModel
from torch import nn

from comma_align import folder, predictor, schedule
from comma_align.config import Run
from comma_align.errors import EmptyError, RunError
from comma_align.gather import rank, sum_gradients, total
from comma_align.precision import autocast
from comma_align.predictor import Meaning, Predictor, meaning
from comma_align.source import Source
from comma_align.stage import Grow, Score, Terms, seeded
from comma_align.steps import Part, Plan, Steps


def learnt(run: Run, source: Source) -> tuple[list[Sample], Meaning]:
    """The samples of which a property is learnt, and what it means.

    Raises:
        EmptyError: no training sample has the target.
        RunError: it is of another kind than the run says, in training or validation; or fewer labels than asked for.
    """
    asked, known = run.supervised, _with_target(source.train, run)
    if not known:
        found = sorted({name for sample in source.train for name in sample.targets})
        raise EmptyError(
            f"supervised.target: no training sample has the target {asked.target!r} and one of "
            f"{', '.join(run.modalities)}; there are {', '.join(found) or 'no targets'}"
        )
    if asked.labels:
        known = _first(known, asked.labels)
    of = meaning(asked.target, asked.kind, [s.targets[asked.target] for s in known], asked.error)
    for sample in _with_target(source.validation, run) if asked.kind != "classes" else ():
        if isinstance(value := sample.targets[asked.target], str):
            raise RunError(
                f"supervised.target: {asked.target!r} of the validation sample {sample.id} is {value!r}, elsewhere a "
                "number; mend the data, or give supervised.kind='classes'"
            )
    return known, of


class Supervised:
    """Training of a predictor."""

    name = "supervised"
    leaves = folder.PREDICTOR
    aside: Sequence[nn.Parameter] = ()

    def __init__(self, run: Run, source: Source, model: AlignedModel, accelerator: Accelerator) -> None:
        self.run, self.accelerator = run, accelerator
        known, of = learnt(run, source)
        self.predictor = Predictor(model, of, tune=run.supervised.tune).to(accelerator.device)
        self.validation = _with_target(source.validation, run)
        encoders = [*model.encoders.parameters()] if run.supervised.tune else []
        self.learning = [*encoders, *self.predictor.on_top]
        self.optimizer: torch.optim.Optimizer = schedule.adamw(encoders, self.predictor.on_top, run.optimizer)
        self.modules = nn.ModuleDict({"predictor": self.predictor})
        self.steps = Steps(
            Plan(
                run=run,
                samples=known,
                configs=model.configs,
                epochs=run.supervised.epochs,
                rank=accelerator.process_index,
                world=accelerator.num_processes,
                truth={sample.id: _told(sample, of) for sample in known},
            )
        )

    def backward(self, parts: Sequence[Part], step: int, grow: Grow) -> Terms:
        """Gradients of the mean over the samples of the global batch."""
        device = self.accelerator.device
        count = total(sum(part.samples for part in parts), device)
        summed = 0.0
        for number, part in enumerate(parts):
            seeded(self.run.seed, self.name, step, rank(), number)
            assert part.truth is not None  # noqa: S101  the plan has it
            with autocast(self.run.precision, self.accelerator.device):
                outputs = self.predictor(part.batch, part.samples)
            loss = self.predictor.loss(outputs.float(), part.truth) * (part.samples / count)
            grow(loss).backward()
            summed += loss.item()
        sum_gradients(self.learning)
        everywhere = total(summed, device)
        return Terms(total=everywhere, terms={self.run.supervised.target: everywhere})

    def figures(self) -> Mapping[str, float]:
        """Nothing more."""
        return {}

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Write encoders and head."""
        predictor.save(self.predictor, path, about)

    def validate(self) -> Score:
        """Error or accuracy on the validation fold; of a class that training does not know every answer is wrong."""
        of = self.predictor.meaning
        if not self.validation:
            return Score(value=None, figures={"validation": {}}, note="no validation sample has the target")
        found = self.predictor.predict(self.validation)
        truth = np.array([sample.targets[of.target] for sample in self.validation])
        if of.kind == "classes":
            accuracy = float((found == truth.astype(str)).mean())
            unknown = int((~np.isin(truth.astype(str), of.classes)).sum())
            counted = {"accuracy": accuracy, "n": len(truth), "of classes never learnt": unknown}
            return Score(value=accuracy, figures={"validation": counted}, note=f"validation accuracy {accuracy:.3f}")
        error = found - truth.astype(float)
        figures = {"MAE": float(np.abs(error).mean()), "RMSE": float(np.sqrt((error**2).mean())), "n": len(error)}
        name = "MAE" if of.error == "absolute" else "RMSE"
        return Score(
            value=-figures[name], figures={"validation": figures}, note=f"validation {name} {figures[name]:.4g}"
        )


def _first(known: Sequence[Sample], labels: int) -> list[Sample]:
    try:
        return first_labels(known, labels)
    except ConfigError as error:
        raise RunError(f"supervised.labels: {error} among the training samples; 0 takes all") from error


def _with_target(samples: Sequence[Sample], run: Run) -> list[Sample]:
    return [
        s for s in samples if run.supervised.target in s.targets and any(s.fields.get(m) for m in run.modalities)
    ]  # fmt: skip


def _told(sample: Sample, of: Meaning) -> float:
    """A training sample's target as a number."""
    value = sample.targets[of.target]
    return float(of.classes.index(str(value)) if of.kind == "classes" else value)
