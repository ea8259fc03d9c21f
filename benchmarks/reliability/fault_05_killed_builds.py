"""Fault 5: a process that is killed while it writes a data set."""

import os
import random
import shutil
import signal
import tarfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.small_sets import contents, in_child, made

FAULT = 5
WHAT = "SIGKILL at random moments and at every k-th file operation: no torn file, the set made again is identical"
SIZE = {"number": 60, "per_shard": 6}


def run(*, full: bool, folder: Path) -> Outcome:
    """Kill a writer at each of its file operations, and at random moments; then let it finish."""
    made(folder / "whole", **SIZE)
    whole = contents(folder / "whole")
    good = [_killed_at(folder / "out", k, whole) for k in range(1, 201 if full else 21)]
    rng = random.Random(0)
    started = time.monotonic()
    made(folder / "timed", **SIZE)
    span = time.monotonic() - started
    good += [_killed_after(folder / "out", rng.uniform(0, span), whole) for _ in range(50 if full else 5)]
    return Outcome(
        tried=len(good),
        survived=sum(good),
        lost=len(good) - sum(good),
        note=f"{200 if full else 20} file operations and {50 if full else 5} random moments within {1e3 * span:.0f} ms",
    )


def _killed_at(out: Path, k: int, whole: dict[str, bytes]) -> bool:
    def work() -> None:
        calls = count(1)

        def dying(function: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                if next(calls) == k:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return wrapped

        os.fsync, Path.replace, Path.unlink = dying(os.fsync), dying(Path.replace), dying(Path.unlink)  # type: ignore[method-assign]
        tarfile.TarFile.addfile = dying(tarfile.TarFile.addfile)  # type: ignore[method-assign]
        made(out, **SIZE)

    return in_child(work) == -signal.SIGKILL and _recovers(out, whole)


def _killed_after(out: Path, seconds: float, whole: dict[str, bytes]) -> bool:
    child = os.fork()
    if child == 0:
        made(out, **SIZE)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return _recovers(out, whole)


def _recovers(out: Path, whole: dict[str, bytes]) -> bool:
    untorn = all(whole[name] == data for name, data in contents(out).items())
    made(out, **SIZE)
    again = contents(out)
    shutil.rmtree(out)
    return untorn and again == whole
