"""The stage `align`: vectors of what belongs together come together, those of everything else stay apart."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from comma_data.sample import Sample
from comma_encoders import folder as model_folder
from comma_encoders.errors import NotFiniteError
from comma_encoders.imputer import Imputer
from comma_encoders.model import AlignedModel
from comma_encoders.types import Embedded
from torch import Tensor, nn

from comma_align import folder, schedule
from comma_align.config import Run
from comma_align.diagnostics import diagnose
from comma_align.errors import DivergedError, EmptyError
from comma_align.gather import gather, gather_rows, rank, sum_gradients
from comma_align.imputation import imputation
from comma_align.objective import SAMPLE, Alignment, Loss
from comma_align.precision import autocast
from comma_align.recall import as_json, mean_recall, mean_reciprocal, rows_of
from comma_align.source import Source, usable
from comma_align.stage import Grow, Score, Terms, seeded
from comma_align.steps import Part, Plan, Steps

Vectors = Mapping[str, Embedded]


class Align:
    """Contrastive alignment of the modalities of a model."""

    name = "align"
    leaves = folder.MODEL

    def __init__(self, run: Run, source: Source, model: AlignedModel, accelerator: Accelerator) -> None:
        self.run, self.model, self.accelerator = run, model, accelerator
        self.validation: Sequence[Sample] = source.validation
        self.objective = Alignment(run.pairs, run.objective).to(accelerator.device)
        if run.imputer and model.imputer is None:
            model.imputer = Imputer(run.modalities, run.dim).to(accelerator.device)
        self.own = [*model.encoders.parameters(), *model.heads.parameters()]
        # these see the gathered vectors, so that every process has their whole gradient already
        self.aside = [*model.imputer.parameters()] if model.imputer else []
        self.common = [*self.objective.parameters(), *self.aside]
        others = [*model.heads.parameters(), *self.common]
        self.optimizer: torch.optim.Optimizer = schedule.adamw(model.encoders.parameters(), others, run.optimizer)
        self.optimizer.register_step_post_hook(lambda *_: self.objective.bound())
        self.modules = nn.ModuleDict({"model": model, "objective": self.objective})
        useful = usable(run)
        self.steps = Steps(
            Plan(
                run=run,
                samples=[sample for sample in source.train if useful(sample)],
                configs=model.configs,
                epochs=run.epochs,
                rank=accelerator.process_index,
                world=accelerator.num_processes,
                visits=run.visits,
            )
        )

    def backward(self, parts: Sequence[Part], step: int, grow: Grow) -> Terms:
        """Gradients of the loss of the global batch.

        A share in several parts goes through the encoders twice: once for the vectors, from which the loss and its
        gradient come, and once more, part by part, to carry that gradient on (Gao et al. 2021, arXiv:2101.06983). So
        memory holds one part, and the loss sees all.
        """
        several = len(parts) > 1
        with torch.set_grad_enabled(not several):
            pieces = [self._embedded(part, step, k) for k, part in enumerate(parts)]
        mine = joined(pieces, [part.samples for part in parts])
        if several:
            mine = {m: Embedded(z=e.z.detach().requires_grad_(), rows=e.rows) for m, e in mine.items()}
        loss = self._loss(mine, parts, step)
        if loss.total.requires_grad:
            grow(loss.total).backward()
        if several:
            self._carry_on(parts, pieces, {m: e.z.grad for m, e in mine.items()}, step)
        sum_gradients(self.own)
        return Terms(total=loss.total.item(), terms={name: term.item() for name, term in loss.terms.items()})

    def _embedded(self, part: Part, step: int, number: int) -> Vectors:
        """Vectors of a part; asked again for the same step, dropout leaves out the same."""
        seeded(self.run.seed, self.name, step, rank(), number)
        with autocast(self.run.precision, self.accelerator.device):
            found: Vectors = self.model(part.batch)
        return found

    def _carry_on(
        self, parts: Sequence[Part], pieces: Sequence[Vectors], slopes: Mapping[str, Tensor | None], step: int
    ) -> None:
        """The gradient of the joined vectors, part by part back through the encoders."""
        done = dict.fromkeys(slopes, 0)
        for number, (part, piece) in enumerate(zip(parts, pieces, strict=True)):
            again = self._embedded(part, step, number)
            vectors, gradients = [], []
            for name, found in piece.items():
                span = slice(done[name], done[name] + len(found.rows))
                done[name] = span.stop
                slope = slopes[name]
                if slope is not None:
                    vectors.append(again[name].z)
                    gradients.append(slope[span])
            if vectors:
                torch.autograd.backward(vectors, gradients)

    def _loss(self, mine: Vectors, parts: Sequence[Part], step: int) -> Loss:
        """The loss of the global batch; every process computes the same."""
        device = self.accelerator.device
        like = torch.zeros(0, self.run.dim, device=device)
        names = self.run.modalities
        everyone = gather(mine, names, sum(part.samples for part in parts), like)
        groups = _groups(parts, device)
        try:
            loss: Loss = self.objective(everyone, groups, self._reliability(parts, step))
        except EmptyError:  # such a batch teaches nothing, and the next one may
            loss = Loss(total=torch.zeros((), device=device), terms={})
        if self.model.imputer is None:
            return loss
        seeded(self.run.seed, "imputer", step)
        extra = imputation(self.model.imputer, everyone)
        return Loss(total=loss.total + self.run.imputer * extra, terms={**loss.terms, "imputer": extra})

    def _reliability(self, parts: Sequence[Part], step: int) -> dict[str, Tensor]:
        """How much each gathered value counts by now: what is less reliable grows to one during the curriculum."""
        if not self.run.objective.reliability:
            return {}
        course = self.run.objective.curriculum * len(self.steps)
        grown = min(1.0, step / course) if course else 0.0
        out = {}
        for name in self.run.modalities:
            own = [part.reliability[name] for part in parts if name in part.reliability]
            weights = torch.cat(own) if own else torch.zeros(0, device=self.accelerator.device)
            everyone = gather_rows(weights)
            out[name] = everyone + (1 - everyone) * grown
        return out

    def figures(self) -> Mapping[str, float]:
        """The temperature: where rates are far too high its inverse becomes 0, which is to be seen and not fatal."""
        return {"temperature": 1 / max(self.objective.scale.item(), sys.float_info.min)}

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Write the model."""
        model_folder.save(self.model, path, about)

    def validate(self) -> Score:
        """Recall in both directions of every pair, and signs of collapse.

        Raises:
            DivergedError: the weights give vectors that are not finite.
        """
        try:
            embedded = self.model.embed(self.validation)
        except NotFiniteError as error:
            modality = str(error).partition(":")[0]
            raise DivergedError(f"vectors of {modality} are not finite any more; lower the learning rates") from error
        rows = rows_of(embedded, self.validation)
        at1, at10 = (mean_recall(rows, k) for k in (1, 10))
        figures = {"validation": as_json(rows), "diagnostics": diagnose(embedded, self.run.pairs)}
        if not rows:
            return Score(value=None, figures=figures, note="no direction has validation samples to tell apart")
        note = f"validation R@1 {at1:.2f} R@10 {at10:.2f}"
        # in a pool of ten everything is among the first ten
        return Score(value=at10, figures=figures, note=note, most=1.0, tie=mean_reciprocal(rows))


def _groups(parts: Sequence[Part], device: torch.device) -> dict[str, Tensor]:
    """Codes of the groups of all samples of the global batch, and of the samples themselves."""
    names = ("formula", "material")
    own = {name: [part.batch.groups[name] for part in parts] for name in names} | {SAMPLE: [p.codes for p in parts]}
    none = torch.zeros(0, dtype=torch.int64, device=device)
    return {name: gather_rows(torch.cat(codes) if codes else none) for name, codes in own.items()}


def joined(pieces: Sequence[Vectors], counts: Sequence[int]) -> dict[str, Embedded]:
    """The vectors of several parts as those of one, samples numbered throughout."""
    starts = [sum(counts[:k]) for k in range(len(counts))]
    names = sorted({name for piece in pieces for name in piece})
    out = {}
    for name in names:
        held = [(piece[name], start) for piece, start in zip(pieces, starts, strict=True) if name in piece]
        z, rows = torch.cat([e.z for e, _ in held]), torch.cat([e.rows + start for e, start in held])
        out[name] = Embedded(z=z, rows=rows)
    return out
