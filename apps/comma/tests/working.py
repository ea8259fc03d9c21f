"""Studies that work in processes of their own, and are ended at chosen moments.

The processes are forked from a server that has imported everything once: torch alone takes each new one seconds.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

TINY = """
name = "tiny"
question = "Does it work?"
data = "data"
folds = [0, 1]

[common]
modalities = ["structure", "text"]
dim = 8
epochs = 2
batch_size = 8
validate_every = 1
checkpoint_every = 1

[common.encoders]
structure = { width = 16, layers = 1 }
text = { width = 16, heads = 2 }

[models.before]
scored = false
settings = { stages = ["pretrain"], pretrain = { epochs = 1 } }

[models.ours]
what = "starts from what was pre-trained"
start = "before"

[models.clip]
settings = { objective = { kind = "clip" } }

[tasks.protocols]
task = "synthesis"
each = { view = ["precursors"] }

[[primary]]
name = "better than overlap"
task = "protocols"
where = { direction = "structure -> protocol", view = "precursors" }
model = "ours"
against = ["element overlap", "clip"]
aim = 0.2

[map]
modalities = ["structure", "text"]
"""
"""A study that takes seconds."""

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "comma_app.study.drive",
        "comma_align.picture",
        *(f"comma_encoders.modalities.structure.{name}" for name in ("compiled", "encoder", "graph", "neighbours")),
        *(f"comma_encoders.modalities.text.{name}" for name in ("augment", "encoder", "steps", "pretext")),
    ]
)
QUICK = 5
"""Steps of the composition model, whose accuracy is not what is tested."""


def quicken():
    """Make the baseline that learns cheap; returns what undoes it."""
    from comma_eval.baselines import composition

    fit = composition.fit
    composition.fit = lambda train: fit(train, steps=QUICK)
    return lambda: setattr(composition, "fit", fit)


def ending(process, seconds=120):
    """Exit code of a process that may not hang."""
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        raise AssertionError("the study hangs")
    return process.exitcode


def study_process(toml, data, out, moment, number):
    """A process that goes on with a study, and sends itself a signal at a moment (see `MOMENTS`)."""
    return CONTEXT.Process(target=_work, args=(toml, str(data), str(out), moment, number))


def _work(toml, data, out, moment, number):
    import tomllib

    import torch
    from comma_app.study.config import Study
    from comma_app.study.drive import Job, conduct
    from comma_data.command import run

    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    torch.set_num_threads(1)
    quicken()
    if moment:
        MOMENTS[moment](number)
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  for the life of the process
    job = Job(study=Study(**tomllib.loads(toml)), data=Path(data), out=Path(out), command="test", say=str, quiet=True)
    run(lambda: conduct(job))


def _signal_at(module, name, number, after=1):
    """Send a signal to this process before the given call of a function."""
    real, calls = getattr(module, name), []

    def counted(*arguments, **named):
        calls.append(1)
        if len(calls) == after:
            os.kill(os.getpid(), number)
        return real(*arguments, **named)

    setattr(module, name, counted)


def _in_training(number):
    from comma_align.loop import Loop

    _signal_at(Loop, "step", number, after=12)  # the estimate takes the first nine


def _while_a_model_is_written(number):
    from comma_align import checkpoint

    _signal_at(checkpoint, "commit", number, after=2)


def _between_answers_and_figures(number):
    from comma_app.study import asking

    _signal_at(asking, "write_json", number)


def _before_the_result(number):
    from comma_app.study import report

    _signal_at(report, "write_json", number)


def _while_rehearsing(number):
    from comma_app.study import rehearsal

    _signal_at(rehearsal, "answered", number)


MOMENTS = {
    "rehearsing": _while_rehearsing,
    "training": _in_training,
    "writing a model": _while_a_model_is_written,
    "between answers and figures": _between_answers_and_figures,
    "before the result": _before_the_result,
}
STOPS = (
    ("rehearsing", signal.SIGINT, 4),
    ("training", signal.SIGTERM, 4),
    ("writing a model", signal.SIGKILL, -signal.SIGKILL),
    ("between answers and figures", signal.SIGKILL, -signal.SIGKILL),
    ("before the result", signal.SIGKILL, -signal.SIGKILL),
)
"""Moment, signal, and the exit code that it leads to."""
