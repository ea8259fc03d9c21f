"""The training run, from top to bottom: data, folder, model, one stage after the other, what is left behind."""

import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from accelerate import Accelerator
from comma_encoders.errors import MissingDependencyError
from comma_encoders.model import AlignedModel

from comma_align import checkpoint, folder
from comma_align.config import Run
from comma_align.loop import Loop, Place
from comma_align.recall import Row, as_json, rows_of
from comma_align.source import Source, open_source
from comma_align.stage import Stage, seeded
from comma_align.stages.align import Align
from comma_align.stages.pretrain import Pretrain
from comma_align.stages.supervised import Supervised
from comma_align.start import refuse_seen, start_from

STAGES: Mapping[str, Callable[[Run, Source, AlignedModel, Accelerator], Stage]] = MappingProxyType(
    {"pretrain": Pretrain, "align": Align, "supervised": Supervised}
)
"""Name in a config -> what is done."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a run needs, made ready."""

    run: Run
    data: Path
    out: Path
    source: Source
    model: AlignedModel
    accelerator: Accelerator

    def stage(self, name: str) -> Stage:
        """A stage of the run on the model as it is now."""
        if name != self.run.stages[0]:
            # what the stages before left of torch's random numbers differs by process, and in a run that goes on
            seeded(self.run.seed, name)
        return STAGES[name](self.run, self.source, self.model, self.accelerator)


def train(  # noqa: PLR0913  three names and three options
    run: Run, data: Path, out: Path, *, resume: str = "auto", workers: int = 0, quiet: bool = False
) -> list[Row]:
    """Train a model, or go on with it, and leave the run's folder behind.

    Args:
        run: the config.
        data: a data folder of `comma data build`.
        out: the run's folder.
        resume: `auto`, `never`, or the path of a checkpoint with which the first stage begins.
        workers: processes that make batches beside the training process.
        quiet: show no progress.

    Returns:
        Recall of every pair on the validation fold; empty for a run that does not align.

    Raises:
        comma_align.errors.AlignError: see its kinds.
        comma_data.errors.DataError: the data folder is missing or damaged.
    """
    begin = Path(resume) if resume not in {"auto", "never"} else None
    with ExitStack() as held:
        job = prepare(run, data, out, resume, held)
        place = Place(
            run=run, out=out, accelerator=job.accelerator, workers=workers,
            quiet=quiet or not job.accelerator.is_main_process,
        )  # fmt: skip
        return _train(job, place, begin)


def _train(job: Job, place: Place, begin: Path | None) -> list[Row]:
    run = job.run
    seconds, steps = 0.0, 0
    for name in run.stages:
        stage = job.stage(name)
        state = Loop(stage, place, begin).run()
        begin, seconds, steps = None, seconds + state.seconds, steps + state.step
    rows = rows_of(job.model.embed(job.source.validation), job.source.validation) if run.pairs else []
    if job.accelerator.is_main_process:
        finish(job, stage, rows, {"seconds": round(seconds, 1), "steps": steps})
    job.accelerator.wait_for_everyone()
    if run.trackers:
        job.accelerator.end_training()
    return rows


def prepare(run: Run, data: Path, out: Path, resume: str = "auto", held: ExitStack | None = None) -> Job:
    """Data, folder, model: everything but the weights of a checkpoint.

    Args:
        run: the config.
        data: as of `train`, like `out` and `resume`.
        out: the run's folder.
        resume: how to go on.
        held: by which the folder is kept from other runs until it is closed; None keeps no one out.

    Raises:
        RunError: the model to start from has seen what is held out, or the folder cannot be used.
    """
    accelerator = _accelerator(run, out)
    source = open_source(data, run)
    if run.start:
        refuse_seen(Path(run.start), source.held_out)
    if accelerator.is_main_process:
        if held is not None:
            held.enter_context(folder.held(out))
        folder.open_run(out, run, resume, folder.about(run, source, data))
    accelerator.wait_for_everyone()
    if run.trackers:  # some write into the run's folder, which has to be there
        accelerator.init_trackers(run.name)
    return Job(
        run=run, data=data, out=out, source=source, model=make_model(run).to(accelerator.device),
        accelerator=accelerator,
    )  # fmt: skip


def make_model(run: Run) -> AlignedModel:
    """The model of a run with weights drawn from the seed, or those of the model that it starts from."""
    torch.manual_seed(run.seed)
    model = AlignedModel(run.encoders, run.dim, shared_head=run.shared_head)
    if run.start:
        start_from(model, Path(run.start))
    return model


def _accelerator(run: Run, out: Path) -> Accelerator:
    """Where to compute; mixed precision is `precision.autocast`, whose state a checkpoint can keep."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`log_with=")  # the error below says it
            accelerator = Accelerator(log_with=list(run.trackers) or None, project_dir=str(out))
    except (ImportError, ValueError) as error:
        raise MissingDependencyError(_untracked(str(error))) from error
    # a tracker that accelerate knows, and whose package is missing, is only left out
    if len(accelerator.log_with) < len(run.trackers):
        there = ", ".join(map(str, accelerator.log_with)) or "none"
        raise MissingDependencyError(_untracked(f"{', '.join(run.trackers)} are asked for, there: {there}"))
    return accelerator


def _untracked(why: str) -> str:
    return (
        f"trackers: {why}. Remedy: pip install 'comma-align[tensorboard]', or the package of that tracker; or leave "
        "the setting out, metrics.jsonl is written always"
    )


def finish(job: Job, stage: Stage, rows: list[Row], trained: Mapping[str, Any]) -> None:
    """Model folder, manifest and picture of a run that is done."""
    from comma_align.picture import draw  # noqa: PLC0415  matplotlib takes a second, once, at the end

    about = folder.about(job.run, job.source, job.data)
    _put(job.out / stage.leaves, lambda path: stage.save(path, about))
    facts = {**trained, "parameters": folder.parameters(job.model)}
    validated = {"validation": as_json(rows)} if rows else {"validation": stage.validate().figures["validation"]}
    folder.write_json(job.out / folder.MANIFEST, {**about, **folder.began(job.out), "trained": facts, **validated})
    draw(job.out, rows)


def _put(final: Path, write: Callable[[Path], None]) -> None:
    """Write a folder beside its place and give it its name when it is whole."""
    if not final.exists():
        staged = checkpoint.staging(final)
        write(staged)
        checkpoint.commit(staged, final)
