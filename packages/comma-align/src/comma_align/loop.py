"""The loop that every stage goes through: steps, logs, validation, checkpoints, and an end that a kill cannot spoil."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import RawValue
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from comma_align import checkpoint, folder, schedule
from comma_align.average import Average
from comma_align.checkpoint import State
from comma_align.config import Run
from comma_align.errors import DivergedError, EmptyError, Interrupted
from comma_align.gather import any_process
from comma_align.precision import Scaling
from comma_align.progress import Advance, bar, tell
from comma_align.signals import asked_to_stop, stay
from comma_align.stage import Stage, Terms
from comma_align.steps import Part


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stage runs, and how it is watched."""

    run: Run
    out: Path
    accelerator: Accelerator
    workers: int = 0
    quiet: bool = False

    @property
    def chief(self) -> bool:
        """Whether this process writes files."""
        return bool(self.accelerator.is_main_process)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a step reports."""

    loss: Terms
    gradient: float
    finite: bool
    excused: bool = False
    """Not finite only because half precision was scaled too far."""


@dataclass(kw_only=True)
class Clock:
    """How long steps take, and how much of that is waiting for data."""

    started: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    samples: int = 0

    def batches(self, loader: DataLoader[list[Part]]) -> Iterator[list[Part]]:
        """The loader's batches, their waiting time noted."""
        iterator = iter(loader)
        while True:
            before = time.monotonic()
            parts = next(iterator, None)
            self.waited += time.monotonic() - before
            if parts is None:
                return
            yield parts

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    @property
    def word(self) -> str:
        """Speed for the progress line."""
        seconds = max(self.seconds, 1e-9)
        return f"{self.samples / seconds:.0f} samples/s, {self.waited / seconds:.0%} waiting for data"


class Loop:
    """A stage on its way."""

    def __init__(self, stage: Stage, place: Place, begin: Path | None = None, before: int = 0) -> None:
        """Take up the stage where its newest checkpoint is.

        Args:
            stage: what is trained.
            place: where.
            begin: a checkpoint of another run to begin with where the stage has none of its own.
            before: steps of the stages before, from which trackers count on.
        """
        self.stage, self.place, self.before, run = stage, place, before, place.run
        self.average = Average(stage.modules, run.optimizer.ema)
        self.saved = place.out / "checkpoints" / stage.name
        self.bests = place.out / "best" / stage.name
        # taken once: the mean is part of it, and stays the same object
        self.kept = self.average.kept
        self.state = checkpoint.newest(self.saved, self.kept, stage.optimizer)
        if begin is not None and not checkpoint.checkpoints(self.saved):
            other = checkpoint.load(begin, self.kept, stage.optimizer)
            # its best weights are not here, so that they cannot be what this run has to beat
            self.state = replace(other, best=None, tie=0.0, stale=0)
            self._say_if_ended(begin)
        if place.chief:
            checkpoint.forget(self.bests, self.state.step)
        self.scaling = Scaling(half=run.precision == "fp16", scale=self.state.loss_scale, good=self.state.good)
        self.note = ""
        self._told = False

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        run = self.place.run
        return self.state.step >= len(self.stage.steps) or 0 < run.patience <= self.state.stale

    def _say_if_ended(self, begin: Path) -> None:
        if self.ended and not self.place.quiet:
            tell(
                f"{self.stage.name}: nothing is left to do: {begin} is at step {self.state.step} of "
                f"{len(self.stage.steps)}; raise the epochs to go on from it"
            )

    def run(self) -> State:
        """The steps that are left.

        Raises:
            DivergedError: too many steps in a row without a finite loss.
            EmptyError: no step of an epoch had anything to learn from.
            Interrupted: the system asked to stop; a checkpoint is written.
        """
        if self.place.chief:
            folder.cut_metrics(self.place.out, self.stage.name, self.state.step)
        if not self.ended:
            total = len(self.stage.steps)
            watched = bar(total, self.state.step, quiet=self.place.quiet)
            with asked_to_stop() as asked, watched as advance, self._left() as loader:
                self._steps(loader, asked, advance)
        self.average.settle()
        self.place.accelerator.wait_for_everyone()  # the first process may still be writing its best
        best = checkpoint.checkpoints(self.bests)
        if self.place.run.patience and best:
            checkpoint.load(best[-1], self.kept, self.stage.optimizer)
            self.average.settle()
        return self.state

    @contextmanager
    def _left(self) -> Iterator[DataLoader[list[Part]]]:
        """What the steps that are left work on."""
        over = RawValue("b", 0)
        try:
            yield DataLoader(
                self.stage.steps,
                batch_size=None,
                sampler=range(self.state.step, len(self.stage.steps)),
                num_workers=self.place.workers,
                worker_init_fn=partial(stay, over),
            )
        finally:
            over.value = 1

    def _steps(self, loader: DataLoader[list[Part]], asked: Any, advance: Advance) -> None:
        total, before, clock, bad, idle = len(self.stage.steps), self.state.seconds, Clock(), 0, 0
        device = self.place.accelerator.device
        for step, parts in enumerate(clock.batches(loader), start=self.state.step):
            taken = self.step([part.to(device) for part in parts], step)
            bad = 0 if taken.finite or taken.excused else bad + 1
            if bad > self.place.run.bad_batches or bad == total:
                raise DivergedError(self._diverged(step, bad))
            idle = 0 if taken.loss.terms else idle + 1
            if idle >= self.stage.steps.per_epoch:
                raise EmptyError(
                    f"{self.stage.name}: a whole epoch had nothing to learn from, the last on {self._ids(step)}"
                )
            clock.samples += len(self.stage.steps.turns(step))
            self.state = replace(
                self.state, step=step + 1, seconds=before + clock.seconds, loss_scale=self.scaling.scale,
                good=self.scaling.good,
            )  # fmt: skip
            stopping = any_process(asked(), device)
            self._after(taken, step, stopping=stopping)
            epoch = step // self.stage.steps.per_epoch + 1
            words = f"{self.stage.name}, epoch {epoch}  loss {taken.loss.total:.3f}  {clock.word}{self.note}"
            advance(self.state.step, words)
            if stopping:
                # the first process may still be writing, and torchrun ends all as soon as one has ended
                self.place.accelerator.wait_for_everyone()
                raise Interrupted(f"stopped at step {self.state.step} of {total}; the same command goes on from there")
            if self.ended:
                return

    def step(self, parts: list[Part], step: int) -> Taken:
        """One step of the optimizer; a loss or gradient that is not finite leaves all weights as they are."""
        stage, run = self.stage, self.place.run
        stage.modules.train()
        stage.optimizer.zero_grad(set_to_none=True)
        schedule.set_rates(stage.optimizer, step, len(stage.steps), run.optimizer.warmup)
        loss = stage.backward(parts, step, self.scaling.grow)
        self.scaling.shrink(stage.optimizer)
        weights = [p for group in stage.optimizer.param_groups for p in group["params"]]
        aside = {*stage.aside}
        norm = nn.utils.clip_grad_norm_([p for p in weights if p not in aside], run.optimizer.clip)
        own = nn.utils.clip_grad_norm_(stage.aside, run.optimizer.clip)
        finite = bool(torch.isfinite(torch.tensor(loss.total)) and torch.isfinite(norm) and torch.isfinite(own))
        if finite:
            stage.optimizer.step()
            self.average.update(step)
        overflow = self.scaling.learn(finite=finite)
        excused = overflow and bool(torch.isfinite(torch.tensor(loss.total)))
        return Taken(loss=loss, gradient=norm.item(), finite=finite, excused=excused)

    def _after(self, taken: Taken, step: int, *, stopping: bool) -> None:
        """Metrics; and when it is time a validation and a checkpoint."""
        run, steps = self.place.run, self.stage.steps
        epoch, within = divmod(self.state.step, steps.per_epoch)
        entry = {"stage": self.stage.name, "step": self.state.step, "epoch": epoch}
        bad = {} if taken.finite and taken.loss.terms else {"skipped": steps.ids(step)}
        figures = {"gradient": taken.gradient, **self.stage.figures()}
        self._log({**entry, "seconds": round(self.state.seconds, 3), "loss": taken.loss.total,
                   "terms": taken.loss.terms, **figures, **bad})  # fmt: skip
        last = self.state.step == len(steps)
        if last or (within == 0 and epoch % run.validate_every == 0):
            self._validate(entry)
        if self.place.chief and (stopping or last or self.ended or (within == 0 and epoch % run.checkpoint_every == 0)):
            checkpoint.save(self.saved, self.state, self.kept, self.stage.optimizer)
            checkpoint.keep_last(self.bests, 1)  # from here on no run goes on from before it

    def _validate(self, entry: dict[str, Any]) -> None:
        """Score the weights in the first process; all learn whether it was the best, and whether it says anything."""
        better = silent = False
        if self.place.chief:
            with self.average.in_place():
                score = self.stage.validate()
            self._log({**entry, **score.figures})
            self.note = f"  {score.note}"
            better, silent = score.better(self.state.best, self.state.tie), score.value is None
            if better:
                self.state = replace(self.state, best=score.value, tie=score.tie)
        if not self.place.run.patience:
            return
        better, silent = (any_process(flag, self.place.accelerator.device) for flag in (better, silent))
        if silent:
            if not (self._told or self.place.quiet):
                tell(f"{self.stage.name}: patience is ignored, and the last weights stay: {self.note.strip()}")
            self._told = True
            return
        self.state = replace(self.state, stale=0 if better else self.state.stale + 1)
        if better and self.place.chief:
            saved = checkpoint.checkpoints(self.saved)
            since = checkpoint.step_of(saved[-1]) if saved else 0
            checkpoint.save_best(self.bests, self.state, self.kept, self.stage.optimizer, since=since)

    def _log(self, entry: dict[str, Any]) -> None:
        if not self.place.chief:
            return
        folder.log(self.place.out, entry)
        if self.place.run.trackers:
            said = {k: v for k, v in entry.items() if k not in {"stage", "step", "epoch", "skipped"}}
            said |= said.pop("terms", {})
            named = {f"{entry['stage']}/{k}": v for k, v in flat(said).items()}
            self.place.accelerator.log(named, step=self.before + entry["step"])

    def _diverged(self, step: int, bad: int) -> str:
        ids = self._ids(step)
        return f"{bad} steps in a row without a finite loss, the last (step {step}) on {ids}; lower the learning rates"

    def _ids(self, step: int) -> str:
        return ", ".join(self.stage.steps.ids(step))


def flat(figures: Any, key: str = "") -> dict[str, float]:
    """The numbers in nested figures by their keys; rows of a list go by the words in them."""
    if isinstance(figures, int | float):
        return {key: float(figures)}
    if isinstance(figures, Mapping):
        return {k: v for name, value in figures.items() for k, v in flat(value, f"{key}/{name}".strip("/")).items()}
    if isinstance(figures, list):
        named = {" ".join(v for v in row.values() if isinstance(v, str)): row for row in figures}
        return flat(named, key)
    return {}
