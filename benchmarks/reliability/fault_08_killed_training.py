"""Fault 8: a training run that is killed and started again."""

import random
import shutil
import signal
import time
from pathlib import Path

from comma_align.config import Run

from benchmarks.reliability import small_runs
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 8, "align"
WHAT = "SIGKILL at random moments of training, started again: losses and weights are those of a whole run, bit by bit"


def run(*, full: bool, folder: Path) -> Outcome:
    """Kill, start again, compare."""
    wanted = small_runs.config(small_runs.made(folder / "data"))
    small_runs.ended(small_runs.go(wanted, folder / "whole"))
    steps = len(small_runs.losses(folder / "whole"))
    rng = random.Random(0)
    trials = 50 if full else 2
    found = [_same(wanted, folder, rng.randrange(steps), rng.random()) for _ in range(trials)]
    good = [same for same, _ in found]
    return Outcome(
        tried=trials, survived=sum(good), lost=trials - sum(good),
        note=f"{steps} steps, a checkpoint every epoch; {sum(killed for _, killed in found)} were running when killed",
    )  # fmt: skip


def _same(wanted: Run, folder: Path, step: int, moment: float) -> tuple[bool, bool]:
    out, whole = folder / "killed", folder / "whole"
    (job,) = small_runs.go(wanted, out)
    while len(small_runs.losses(out)) < step and job.is_alive():
        time.sleep(0.002)
    time.sleep(0.02 * moment)  # some way into the next step, or into a checkpoint
    killed = small_runs.struck(job, out, 0, signal.SIGKILL) == -signal.SIGKILL
    code = small_runs.ended(small_runs.go(wanted, out))
    same = small_runs.losses(out) == small_runs.losses(whole) and small_runs.trained(out) == small_runs.trained(whole)
    shutil.rmtree(out)
    return code == [0] and same and bool(small_runs.trained(whole)), killed
