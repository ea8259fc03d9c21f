"""The training run, from top to bottom."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from comma_data.sample import Sample
from comma_encoders import folder as model_folder
from comma_encoders.batch import group_code
from comma_encoders.model import AlignedModel
from comma_encoders.types import Batch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from comma_align import checkpoint, folder, schedule
from comma_align.checkpoint import State
from comma_align.config import Run
from comma_align.errors import DivergedError, Interrupted
from comma_align.gather import gather, gather_rows, sum_gradients
from comma_align.objective import Alignment, Loss
from comma_align.order import batches, share, steps_per_epoch
from comma_align.progress import bar
from comma_align.recall import Row, as_json, every_pair, mean_recall
from comma_align.signals import asked_to_stop
from comma_align.source import Source, make_batch, open_source


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """What a step changes."""

    model: AlignedModel
    objective: Alignment
    optimizer: torch.optim.Optimizer

    @property
    def modules(self) -> nn.ModuleDict:
        """Everything with weights, as a checkpoint keeps it."""
        return nn.ModuleDict({"model": self.model, "objective": self.objective})


class Steps(Dataset[Batch]):
    """Step number -> this process's share of the global batch."""

    def __init__(self, run: Run, samples: list[Sample], model: AlignedModel, accelerator: Accelerator) -> None:
        self.run, self.samples, self.configs = run, samples, model.configs
        self.rank, self.world = accelerator.process_index, accelerator.num_processes
        self.per_epoch = steps_per_epoch(len(samples), run.batch_size)

    def __len__(self) -> int:
        """Steps of the whole run."""
        return self.run.epochs * self.per_epoch

    def places(self, step: int) -> list[int]:
        """Places, among the training samples, of the global batch of a step."""
        epoch, place = divmod(step, self.per_epoch)
        return batches(len(self.samples), self.run.batch_size, self.run.seed, epoch)[place]

    def __getitem__(self, step: int) -> Batch:
        """The batch of a step."""
        mine = [self.samples[i] for i in share(self.places(step), self.rank, self.world)]
        return make_batch(mine, self.run, self.configs, step // self.per_epoch)


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a run needs, made ready."""

    run: Run
    data: Path
    out: Path
    source: Source
    trainee: Trainee
    steps: Steps
    accelerator: Accelerator

    @property
    def chief(self) -> bool:
        """Whether this process writes files."""
        return bool(self.accelerator.is_main_process)


def train(  # noqa: PLR0913  three names and three options
    run: Run, data: Path, out: Path, *, resume: str = "auto", workers: int = 0, quiet: bool = False
) -> list[Row]:
    """Train a model, or go on with it, and leave the run's folder behind.

    Args:
        run: the config.
        data: a data folder of `comma data build`.
        out: the run's folder.
        resume: `auto` or `never`.
        workers: processes that make batches beside the training process.
        quiet: show no progress.

    Returns:
        Recall of every pair on the validation fold.

    Raises:
        comma_align.errors.AlignError: see its kinds.
        comma_data.errors.DataError: the data folder is missing or damaged.
    """
    job = prepare(run, data, out, resume)
    state = checkpoint.newest(job.out, job.trainee.modules, job.trainee.optimizer)
    if job.chief:
        folder.cut_metrics(out, state.step)
    state = all_steps(job, state, workers=workers, quiet=quiet or not job.chief)
    rows = every_pair(job.trainee.model, job.source.validation)
    if job.chief:
        finish(job, rows, state)
    job.accelerator.wait_for_everyone()
    return rows


def prepare(run: Run, data: Path, out: Path, resume: str) -> Job:
    """Data, folder, model: everything but the weights of a checkpoint."""
    accelerator = Accelerator(mixed_precision=run.precision)
    source = open_source(data, run)
    if accelerator.is_main_process:
        folder.open_run(out, run, resume, folder.about(run, source, data))
    accelerator.wait_for_everyone()
    trainee = make_trainee(run, accelerator.device)
    steps = Steps(run, list(source.train), trainee.model, accelerator)
    return Job(run=run, data=data, out=out, source=source, trainee=trainee, steps=steps, accelerator=accelerator)


def make_trainee(run: Run, device: torch.device) -> Trainee:
    """Model, objective and optimizer with weights drawn from the seed."""
    torch.manual_seed(run.seed)
    model = AlignedModel(run.encoders, run.dim).to(device)
    options = run.objective
    objective = Alignment(run.pairs, temperature=options.temperature, learn_temperature=options.learn_temperature)
    objective.to(device)
    return Trainee(model=model, objective=objective, optimizer=schedule.adamw(model, objective, run.optimizer))


def all_steps(job: Job, state: State, *, workers: int, quiet: bool) -> State:
    """The steps that are left, with logs, validation and checkpoints.

    Raises:
        DivergedError: too many steps in a row without a finite loss.
        Interrupted: the system asked to stop; a checkpoint is written.
    """
    before, started, bad, note = state.seconds, time.monotonic(), 0, ""
    total = len(job.steps)
    loader = DataLoader(job.steps, batch_size=None, sampler=range(state.step, total), num_workers=workers)
    with asked_to_stop() as asked, bar(total, state.step, quiet=quiet) as advance:
        for step, batch in enumerate(loader, start=state.step):
            taken = take_step(job, batch.to(job.accelerator.device), step)
            bad = 0 if taken.finite else bad + 1
            if bad > job.run.bad_batches:
                raise DivergedError(_diverged(job, step, bad))
            state = State(step=step + 1, seconds=before + time.monotonic() - started)
            stopping = asked() and state.step < total
            if job.chief:
                note = after_step(job, state, taken, stopping=stopping) or note
            advance(
                state.step, f"epoch {step // job.steps.per_epoch + 1}/{job.run.epochs}  loss {taken.total:.3f}{note}"
            )
            if stopping:
                raise Interrupted(f"stopped at step {state.step} of {total}; the same command goes on from there")
    return state


def after_step(job: Job, state: State, taken: "Taken", *, stopping: bool) -> str:
    """Metrics, and when it is time recall on the validation fold and a checkpoint; a word on the recall."""
    epoch, within = divmod(state.step, job.steps.per_epoch)
    folder.log(job.out, _entry(state, epoch, taken, job.trainee))
    note = ""
    if within == 0 and epoch % job.run.validate_every == 0:
        rows = every_pair(job.trainee.model, job.source.validation)
        folder.log(job.out, {"step": state.step, "epoch": epoch, "validation": as_json(rows)})
        note = f"  validation R@1 {mean_recall(rows, 1):.2f} R@10 {mean_recall(rows, 10):.2f}"
    if stopping or state.step == len(job.steps) or (within == 0 and epoch % job.run.checkpoint_every == 0):
        checkpoint.save(job.out, state, job.trainee.modules, job.trainee.optimizer)
    return note


def _diverged(job: Job, step: int, bad: int) -> str:
    ids = ", ".join(job.steps.samples[i].id for i in job.steps.places(step))
    return f"{bad} steps in a row without a finite loss, the last (step {step}) on {ids}; lower the learning rates"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a step reports."""

    total: float
    terms: Mapping[str, float]
    gradient: float
    finite: bool


def take_step(job: Job, batch: Batch, step: int) -> Taken:
    """One step of the optimizer; a loss or gradient that is not finite leaves all weights as they are."""
    run, trainee, accelerator = job.run, job.trainee, job.accelerator
    torch.manual_seed(group_code(f"{run.seed}/{step}/{accelerator.process_index}"))
    trainee.model.train()
    trainee.optimizer.zero_grad(set_to_none=True)
    schedule.set_rates(trainee.optimizer, step, len(job.steps), run.optimizer.warmup)
    with accelerator.autocast():
        loss = global_loss(trainee, batch, run)
    accelerator.backward(loss.total)
    sum_gradients(list(trainee.model.parameters()))
    norm = nn.utils.clip_grad_norm_(trainee.modules.parameters(), run.optimizer.clip)
    finite = bool(torch.isfinite(loss.total) and torch.isfinite(norm))
    if finite:
        trainee.optimizer.step()
    terms = {name: term.item() for name, term in loss.terms.items()}
    return Taken(total=loss.total.item(), terms=terms, gradient=norm.item(), finite=finite)


def global_loss(trainee: Trainee, batch: Batch, run: Run) -> Loss:
    """The loss of the global batch; every process computes the same."""
    embedded = trainee.model(batch)
    samples = len(next(iter(batch.groups.values())))
    like = torch.zeros(0, run.dim, device=trainee.model.device)
    everyone = gather(embedded, run.modalities, samples, like)
    groups: dict[str, Tensor] = {name: gather_rows(codes) for name, codes in batch.groups.items()}
    loss: Loss = trainee.objective(everyone, groups)
    return loss


def _entry(state: State, epoch: int, loss: Taken, trainee: Trainee) -> dict[str, object]:
    return {
        "step": state.step,
        "epoch": epoch,
        "seconds": round(state.seconds, 3),
        "loss": loss.total,
        "terms": loss.terms,
        "gradient": loss.gradient,
        "temperature": 1 / trainee.objective.scale.item(),
    }


def finish(job: Job, rows: list[Row], state: State) -> None:
    """Model folder, manifest and picture of a run that is done."""
    from comma_align.picture import draw  # noqa: PLC0415  matplotlib takes a second, once, at the end

    about = folder.about(job.run, job.source, job.data)
    model, final = job.trainee.model, job.out / folder.MODEL
    if not final.exists():
        staged = checkpoint.staging(final)
        model_folder.save(model, staged, about)
        checkpoint.commit(staged, final)
    trained = {"seconds": round(state.seconds, 1), "steps": state.step, "parameters": folder.parameters(model)}
    folder.write_json(job.out / folder.MANIFEST, {**about, "trained": trained, "validation": as_json(rows)})
    draw(job.out, rows)
