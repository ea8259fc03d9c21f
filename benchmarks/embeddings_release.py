"""The vectors of a whole data set, released by one worker; and again by two, killed on the way: the same files?

Run in the root of the repository, with a data set of `comma data build`; the released folder is left in OUT:

    python -m benchmarks.embeddings_release DATA OUT [--model comma-small]
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.process_memory import watch
from benchmarks.results_form import row, write_result

NAME = "embeddings-release"
CODE = "from comma_app.cli import main; main()"
KILLS = 2
"""Times that the second release is killed before it may finish."""
LEAST = 0.2
"""Share of the first release's time after which it is killed at the soonest: before that no worker has a model."""


def main() -> None:
    """Release twice, compare, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="data set")
    parser.add_argument("out", type=Path, help="folder to write; what is there is removed")
    parser.add_argument("--model", default="comma-small")
    asked = parser.parse_args()
    start = time.monotonic()
    rows = list(measure(asked.model, asked.data, asked.out))
    path = write_result(
        NAME,
        what=(
            f"`comma release embeddings {asked.model}`: the vectors of every value of the data set {asked.data.name},"
            " by one worker on one thread: seconds, memory of all processes, rows by modality and part; and by two"
            " workers, killed and started again"
        ),
        command="python -m benchmarks.embeddings_release DATA OUT",
        rows=rows,
        seconds=time.monotonic() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def measure(model: str, data: Path, out: Path) -> Iterator[dict[str, Any]]:
    """Rows of both releases."""
    _removed(out)
    seconds, mib, told = released(model, data, out, workers=1)
    total = sum(one["rows"] for one in told["rows"])
    yield row("seconds", round(seconds, 1), n=1, workers=1)
    yield row("vectors per second", round(total / seconds, 1), n=total, workers=1)
    yield row("peak memory of all processes, MiB", round(mib), n=1, workers=1)
    for one in told["rows"]:
        yield row("vectors", one["rows"], n=one["rows"], modality=one["modality"], part=one["part"])
    yield row("values that could not be encoded", told["refused"], n=total + told["refused"])
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    yield row("bytes", sum(sizes), n=len(sizes))
    first = digest(out)
    again = out.with_name(f"{out.name}-again")
    _removed(again)
    yield from _killed(model, data, again, seconds / 2)
    yield row("files identical to the first release's", int(digest(again) == first), n=len(sizes), workers=2)
    _removed(again)


def _killed(model: str, data: Path, out: Path, expected: float) -> Iterator[dict[str, Any]]:
    """Kill the release at random moments, each time sooner since less is left to do, then let it finish."""
    rng = random.Random(0)
    killed, kept, moments = 0, [], []
    for number in range(KILLS):
        moments.append(rng.uniform(LEAST, 0.8) * expected / 2**number)
        process = _started(model, data, out, workers=2)
        time.sleep(moments[-1])
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        kept.append(len(list((out.with_name(f".{out.name}.unfinished") / "pieces").glob("*.json"))))
    seconds, mib, _ = released(model, data, out, workers=2)
    yield row("kills", killed, n=KILLS, workers=2, after_seconds=[round(m) for m in moments], pieces_kept=kept)
    yield row("seconds after the last kill", round(seconds, 1), n=1, workers=2)
    yield row("peak memory of all processes, MiB", round(mib), n=1, workers=2)


def released(model: str, data: Path, out: Path, *, workers: int) -> tuple[float, float, Any]:
    """Seconds and MiB that a release takes, and what it says of itself."""
    start = time.monotonic()
    process = _started(model, data, out, workers=workers)
    peak = [0.0]
    watching = threading.Thread(target=watch, args=(process, peak))
    watching.start()
    stdout, _ = process.communicate()
    watching.join()
    if process.returncode:
        raise RuntimeError(f"the release ended with {process.returncode}")
    return time.monotonic() - start, peak[0], json.loads(stdout)


def _started(model: str, data: Path, out: Path, *, workers: int) -> "subprocess.Popen[bytes]":
    asked = [
        "release",
        "embeddings",
        model,
        "--data",
        str(data),
        "--out",
        str(out),
        "--workers",
        str(workers),
        "--json",
    ]
    return subprocess.Popen([sys.executable, "-c", CODE, *asked], stdout=subprocess.PIPE, start_new_session=True)


def _removed(out: Path) -> None:
    for folder in (out, out.with_name(f".{out.name}.unfinished")):
        shutil.rmtree(folder, ignore_errors=True)


def digest(folder: Path) -> str:
    """sha256 over the paths and contents of all files below a folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            total.update(f"{path.relative_to(folder)} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


if __name__ == "__main__":
    main()
