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
from comma_data.storage import with_name_of_its_own
from comma_encoders.errors import MissingDependencyError
from comma_encoders.model import AlignedModel
from torch import nn

from comma_align import checkpoint, folder
from comma_align.config import Run
from comma_align.errors import RunError
from comma_align.loop import Loop, Place
from comma_align.recall import Row, as_json, rows_of
from comma_align.source import Source, open_source
from comma_align.stage import Stage, seeded
from comma_align.stages import pretrain, supervised
from comma_align.stages.align import Align
from comma_align.stages.pretrain import Pretrain
from comma_align.stages.supervised import Supervised
from comma_align.start import refuse_seen, start_from
from comma_align.values import refuse_unencodable

STAGES: Mapping[str, Callable[[Run, Source, AlignedModel, Accelerator], Stage]] = MappingProxyType(
    {"pretrain": Pretrain, "align": Align, "supervised": Supervised}
)
"""Name in a config -> what is done."""
LEARNT: Mapping[str, Callable[[Run, Source], object]] = MappingProxyType(
    {"pretrain": pretrain.learnt, "supervised": supervised.learnt}
)
"""Name of a stage -> what refuses data of which it cannot learn."""


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
        Recall of every pair on the validation fold when the stage `align` ended; empty for a run that does not align.

    Raises:
        comma_align.errors.AlignError: see its kinds.
        comma_data.errors.DataError: the data folder is missing or damaged, or the disk does not take the run's.
    """
    out = with_name_of_its_own(out)
    begin = Path(resume) if resume not in {"auto", "never"} else None
    with ExitStack() as held:
        job = prepare(run, data, out, resume, held)
        if run.trackers:  # some write into the run's folder, which has to be there
            job.accelerator.init_trackers(run.name)
        place = Place(
            run=run, out=out, accelerator=job.accelerator, workers=workers,
            quiet=quiet or not job.accelerator.is_main_process,
        )  # fmt: skip
        return _train(job, place, begin)


def _train(job: Job, place: Place, begin: Path | None) -> list[Row]:
    """One stage after the other."""
    run = job.run
    seconds, steps, rows = 0.0, 0, list[Row]()
    for name in run.stages:
        stage = job.stage(name)
        state = Loop(stage, place, begin, steps).run()
        begin, seconds, steps = None, seconds + state.seconds, steps + state.step
        if name == "align":  # now: a later stage changes the encoders
            rows = rows_of(job.model.embed(job.source.validation), job.source.validation)
            if place.chief and run.stages[-1] == "supervised":
                _put(job.out / stage.leaves, stage, folder.about(run, job.source, job.data))
    if place.chief:
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
        RunError: the model to start from has seen what is held out or does not fit, an encoder sees its neighbours in a
            batch that is cut, or the folder cannot be used.
        comma_encoders.errors.InputError: an encoder does not take a value.
    """
    accelerator = _accelerator(run, out)
    if accelerator.is_main_process:
        folder.check_free(out)
    source = open_source(data, run)
    for name in run.stages:  # now: the last one is to be refused before the first has taken its hours
        if name in LEARNT:
            LEARNT[name](run, source)
    if run.start:
        refuse_seen(Path(run.start), source.held_out)
    model = make_model(run)
    refuse_batch_norm(model, run, accelerator.num_processes)
    if accelerator.is_main_process:
        if not folder.begun(out) or resume == "never":
            refuse_unencodable(source, run)
        if held is not None:
            held.enter_context(folder.held(out))
        folder.open_run(out, run, resume, folder.about(run, source, data))
    accelerator.wait_for_everyone()
    return Job(
        run=run, data=data, out=out, source=source, model=model.to(accelerator.device), accelerator=accelerator
    )  # fmt: skip


def make_model(run: Run) -> AlignedModel:
    """The model of a run with weights drawn from the seed, or those of the model that it starts from."""
    torch.manual_seed(run.seed)
    model = AlignedModel(run.encoders, run.dim, shared_head=run.shared_head)
    if run.start:
        start_from(model, Path(run.start))
    return model


def refuse_batch_norm(model: AlignedModel, run: Run, processes: int) -> None:
    """Refuse encoders in which a value sees its neighbours where these depend on how a batch is cut.

    Raises:
        RunError: there is one, and an edge budget or several processes.
    """
    cut = f"edge_budget = {run.edge_budget}" if run.edge_budget else f"{processes} processes" if processes > 1 else ""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)  # timm's are subclasses
    for name, encoder in model.encoders.items() if cut else ():
        if any(isinstance(part, kinds) for part in encoder.modules()):
            raise RunError(
                f"encoders.{name} has batch normalisation, whose gradients depend on how a batch is cut: with {cut} "
                "they are not those of the batch. Remedy: a backbone without it, such as a ViT or a ConvNeXt; or one "
                "process and edge_budget = 0"
            )


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
    _put(job.out / stage.leaves, stage, about)
    facts = {**trained, "parameters": folder.parameters(job.model)}
    own = as_json(rows) if rows and stage.name == "align" else stage.validate().figures["validation"]
    folder.write_json(
        job.out / folder.MANIFEST, {**about, **folder.beginning(job.out), "trained": facts, "validation": own}
    )
    draw(job.out, rows)


def _put(final: Path, stage: Stage, about: Mapping[str, Any]) -> None:
    """What a stage leaves, once."""
    if not final.exists():
        with checkpoint.whole(final, checkpoint.size(stage.modules.state_dict().values())) as staged:
            stage.save(staged, about)
