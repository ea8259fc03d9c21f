"""Fault 27: clocks, hash seeds, threads and workers that differ from build to build."""

import os
import subprocess
import sys
from pathlib import Path

from comma_data.shards import ShardSet

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.small_sets import contents

FAULT = 27
WHAT = "builds with another clock, time zone, hash seed, number of threads and workers, and file times: identical bytes"
SETTINGS = ("--set", "simulate.patterns=1", "--set", "simulate.images=1", "--set", "samples_per_shard=50")
CODE = """
import os, time
shift = float(os.environ["SHIFT"])
real = time.time
time.time = lambda: real() + shift
if __name__ == "__main__":
    from comma_data.cli import app
    app()
"""


def run(*, full: bool, folder: Path) -> Outcome:
    """Build the textbook under each condition and compare every file with the first build."""
    conditions: list[tuple[float, dict[str, str], int]] = [
        (0.0, {}, 0),
        (86_400.0, {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1"}, 2),
        (-86_400.0, {"TZ": "America/Lima", "PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "2"}, 1),
        (0.0, {"PYTHONHASHSEED": "3", "OMP_NUM_THREADS": "1", "LC_ALL": "C"}, 2),
    ]
    chosen = conditions if full else conditions[:2]
    script = folder / "shifted.py"
    script.write_text(CODE, encoding="utf-8")
    for i, (shift, changes, workers) in enumerate(chosen):
        command = [sys.executable, str(script), "build", "textbook", "--out", str(folder / f"{i}"), "--no-report"]
        command += ["--workers", str(workers), *SETTINGS]
        subprocess.run(command, env={**os.environ, **changes, "SHIFT": str(shift)}, check=True, capture_output=True)
    first = contents(folder / "0")
    same = [contents(folder / f"{i}") == first for i in range(1, len(chosen))]
    note = f"{len(ShardSet(folder / '0'))} samples with patterns and images, {len(first)} files each"
    return Outcome(tried=len(same), survived=sum(same), lost=len(same) - sum(same), note=note)
