"""Fault 11: a scheduler that asks a training run to stop."""

import random
import shutil
import signal
import time
from pathlib import Path

from comma_align.config import Run

from benchmarks.reliability import small_runs
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 11, "align"
WHAT = "SIGTERM and SIGUSR1 at random moments: a checkpoint within 10 s, exit 4, and the run goes on bit by bit"


def run(*, full: bool, folder: Path) -> Outcome:
    """Ask, wait, start again, compare."""
    wanted = small_runs.config(small_runs.made(folder / "data"), checkpoint_every=60)
    small_runs.ended(small_runs.go(wanted, folder / "whole"))
    steps = len(small_runs.losses(folder / "whole"))
    rng = random.Random(0)
    found = []
    for trial in range(30 if full else 2):
        number = signal.SIGTERM if trial % 2 == 0 else signal.SIGUSR1
        found.append(_stopped(wanted, folder, rng.randrange(1, steps - 1), number))
    slowest = max(seconds for _, seconds, _ in found)
    good = [fine and seconds <= 10 for fine, seconds, _ in found]
    return Outcome(
        tried=len(good), survived=sum(good), lost=len(good) - sum(good),
        note=f"{sum(asked for *_, asked in found)} ended with 4; slowest end after {slowest:.1f} s",
    )  # fmt: skip


def _stopped(wanted: Run, folder: Path, step: int, number: signal.Signals) -> tuple[bool, float, bool]:
    """Whether all was as promised, how long the end took, and whether the run was still going."""
    out, whole = folder / "stopped", folder / "whole"
    (job,) = small_runs.go(wanted, out)
    while len(small_runs.losses(out)) < step and job.is_alive():
        time.sleep(0.002)
    asked = time.monotonic()
    code = small_runs.struck(job, out, 0, number)
    took = time.monotonic() - asked
    kept = code == 0 or (code == 4 and any((out / "checkpoints" / "align").glob("step-*")))
    again = small_runs.ended(small_runs.go(wanted, out))
    same = small_runs.losses(out) == small_runs.losses(whole) and small_runs.trained(out) == small_runs.trained(whole)
    shutil.rmtree(out)
    return kept and again == [0] and same, took, code == 4
