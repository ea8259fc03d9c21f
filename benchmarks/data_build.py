"""Named builds from foreign files to checked shards: wall time, memory, accounting.

Run in the root of the repository, with COMMA_DATA set:

    python -m benchmarks.data_build
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.results_form import row, write_result

NAME = "data-build"
BUILDS = ("materials-project", "textbook")
COMMAND = "python -m benchmarks.data_build"


def main() -> None:
    """Build and check each set in a folder that is removed again, and write the result."""
    if not os.environ.get("COMMA_DATA"):
        sys.exit("error: set COMMA_DATA to the folder that benchmarks/DATA.md describes")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows = [found for name in BUILDS for found in measure(name, Path(folder) / name)]
    path = write_result(
        NAME,
        what="`comma data build` and `comma data check` with two workers: seconds, peak memory, records by outcome",
        command=COMMAND,
        rows=rows,
        seconds=time.monotonic() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def measure(name: str, out: Path) -> Iterator[dict[str, Any]]:
    """Rows of one build."""
    seconds, manifest = timed("build", name, "--out", str(out), "--workers", "2", "--json")
    read = sum(counts["read"] for counts in manifest["counts"].values())
    yield row("build seconds", round(seconds, 1), n=1, build=name)
    yield row("records per second", round(read / seconds, 1), n=read, build=name)
    yield row("peak memory of the largest process so far, MiB", round(peak_mib()), n=1, build=name)
    yield row("bytes of shards", sum(shard["bytes"] for shard in manifest["shards"]), n=manifest["samples"], build=name)
    for source, counts in manifest["counts"].items():
        yield row("accepted", counts["accepted"], n=counts["read"], build=name, source=source)
        for code, number in counts["refused"].items():
            yield row("refused", number, n=counts["read"], build=name, source=source, code=code)
    for what, number in manifest["joined"].items():
        yield row(what, number, n=manifest["samples"], build=name)
    for modality, number in manifest["modalities"].items():
        yield row("samples with", number, n=manifest["samples"], build=name, modality=modality)
    yield from checked(name, out)


def checked(name: str, out: Path) -> Iterator[dict[str, Any]]:
    """Rows of the check: its time, and what the audit counted for each split."""
    seconds, report = timed("check", str(out), "--json")
    yield row("check seconds", round(seconds, 1), n=1, build=name)
    for split in report["splits"]:
        fold = split.pop("test_fold")
        for what, number in split.items():
            yield row(what.replace("_", " "), number, n=number, build=name, test_fold=fold)


def timed(*arguments: str) -> tuple[float, Any]:
    """Seconds that a command takes, and the JSON that it prints."""
    start = time.monotonic()
    code = "from comma_data.cli import app; app()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, check=True)
    return time.monotonic() - start, json.loads(done.stdout)


def peak_mib() -> float:
    """Largest resident memory of any child process that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
