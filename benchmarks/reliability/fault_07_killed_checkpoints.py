"""Fault 7: a process that is killed while it writes a checkpoint."""

import os
import random
import shutil
import signal
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.reliability import small_runs
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 7, "align"
WHAT = "SIGKILL inside the writing of checkpoints: the newest that has a name is whole, and one is always there"
LAST = 6
"""Checkpoints that a process would write."""


def run(*, full: bool, folder: Path) -> Outcome:
    """Kill at the k-th file operation of a series of checkpoints."""
    rng = random.Random(0)
    trials = 50 if full else 4
    good = [_whole(folder / "run", rng.randrange(1, 60)) for _ in range(trials)]
    return Outcome(
        tried=trials, survived=sum(good), lost=trials - sum(good), note="at random syncs, renamings and removals"
    )  # fmt: skip


def _whole(out: Path, k: int) -> bool:
    code = small_runs.ended(small_runs.start(1, saving, str(out), k))[0]
    modules, optimizer = _trainee()
    from comma_align import checkpoint

    found = checkpoint.checkpoints(out)
    state = checkpoint.newest(out, modules, optimizer)  # raises where the newest is torn
    shutil.rmtree(out, ignore_errors=True)
    # the first one needs some ten operations; a kill before that leaves nothing, and nothing is lost
    return code in {-signal.SIGKILL, 0} and (bool(found) or k < 12) and state.step <= LAST


def _trainee() -> tuple[Any, Any]:
    import torch

    modules = torch.nn.ModuleDict({"a": torch.nn.Linear(64, 64)})
    optimizer = torch.optim.AdamW(modules.parameters())
    modules["a"](torch.ones(1, 64)).sum().backward()
    optimizer.step()
    return modules, optimizer


def saving(out: str, k: int) -> None:
    """Write checkpoints, and die at the k-th file operation."""
    from comma_align import checkpoint

    calls = count(1)

    def dying(function: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if next(calls) == k:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapped

    os.fsync, Path.rename, shutil.rmtree = dying(os.fsync), dying(Path.rename), dying(shutil.rmtree)  # type: ignore[method-assign]
    modules, optimizer = _trainee()
    for step in range(1, LAST + 1):
        checkpoint.save(Path(out), checkpoint.State(step=step, seconds=0.0), modules, optimizer)
