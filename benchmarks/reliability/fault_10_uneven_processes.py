"""Fault 10: sets that do not divide by the processes, and a process that dies."""

import os
import shutil
import signal
import time
from itertools import product
from pathlib import Path

from comma_align.config import Run

from benchmarks.reliability import small_runs
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 10, "align"
WHAT = "batches that do not divide by processes and workers: none hangs; one process killed: all end within 30 s"


def run(*, full: bool, folder: Path) -> Outcome:
    """Every combination of a batch size, processes and workers; then one of two processes is killed."""
    data = small_runs.made(folder / "data")
    sizes, worlds, workers = ((2, 3, 5, 7), (1, 2, 3, 4), (0, 1, 2)) if full else ((3,), (2,), (1,))
    good = []
    for size, world, extra in product(sizes, worlds, workers):
        wanted = small_runs.config(data, batch_size=size, epochs=2)
        codes = small_runs.ended(small_runs.go(wanted, folder / "run", world=world, workers=extra), 60.0)
        good.append(codes == [0] * world)
        shutil.rmtree(folder / "run")
    slowest = 0.0
    for victim in (0, 1) if full else (1,):
        fine, seconds = _one_dies(small_runs.config(data, epochs=2000), folder / "dying", victim)
        good.append(fine)
        slowest = max(slowest, seconds)
    return Outcome(
        tried=len(good), survived=sum(good), lost=len(good) - sum(good),
        note=f"after a kill the other process ended within {slowest:.1f} s",
    )  # fmt: skip


def _one_dies(wanted: Run, out: Path, victim: int) -> tuple[bool, float]:
    jobs = small_runs.go(wanted, out, world=2)
    end = time.monotonic() + small_runs.HANGS
    while not small_runs.losses(out) and time.monotonic() < end:
        time.sleep(0.05)
    started = time.monotonic()
    os.kill(jobs[victim].pid, signal.SIGKILL)
    codes = small_runs.ended(jobs, 30.0)
    shutil.rmtree(out)
    return all(code not in {0, None} for code in codes), time.monotonic() - started
