"""Named builds from foreign files to checked shards: wall time, memory, accounting; again, and killed on the way.

Run in the root of the repository, with COMMA_DATA set; a piece that is named replaces its rows of the result, so that
the whole can be measured in parts:

    python -m benchmarks.data_build [textbook] [materials-project] [shared] [shared-again] [shared-killed]
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.process_memory import watch
from benchmarks.results_form import RESULTS, ROOT, row, write_result

NAME = "data-build"
PIECES = ("textbook", "materials-project", "shared", "shared-again", "shared-killed")
COMMAND = "python -m benchmarks.data_build"
WORK = ROOT / "data" / "benchmark"
"""Where the sets are built; they are left there, so that pieces can be compared."""
CODE = "from comma_data.cli import app; app()"
KILLS = 2
"""Times that a build is killed before it may finish."""

Rows = list[dict[str, Any]]


def main() -> None:
    """Measure the pieces and write the result after each."""
    if not os.environ.get("COMMA_DATA"):
        sys.exit("error: set COMMA_DATA to the folder that benchmarks/DATA.md describes")
    parser = argparse.ArgumentParser(description="Measure builds of data sets.")
    parser.add_argument("pieces", nargs="*", choices=[*PIECES, []], help="without one, all")
    chosen: Sequence[str] = parser.parse_args().pieces or PIECES
    for piece in chosen:
        start = time.monotonic()
        found = list(measure(piece))
        kept = [r for r in _present() if r["piece"] != piece]
        rows = sorted([*kept, *({"piece": piece, **r} for r in found)], key=lambda r: PIECES.index(r["piece"]))
        path = write_result(
            NAME,
            what="`comma data build` and `comma data check` with two workers: time, memory of all processes, records by"
            " outcome; the same build again, and killed and restarted",
            command=COMMAND,
            rows=rows,
            seconds=time.monotonic() - start,
        )
        print(f"{piece}: wrote {path}", file=sys.stderr)


def _present() -> Rows:
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    return [r for r in rows if "piece" in r]


def measure(piece: str) -> Iterator[dict[str, Any]]:
    """Rows of one piece."""
    name, _, kind = piece.partition("-") if piece.startswith("shared") else (piece, "", "")
    out = WORK / piece
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    if kind:
        yield from (_again if kind == "again" else _killed)(name, out)
        return
    seconds, mib, manifest = built(name, out)
    read = sum(counts["read"] for counts in manifest["counts"].values())
    yield row("build seconds", round(seconds, 1), n=1)
    yield row("records per second", round(read / seconds, 1), n=read)
    yield row("peak memory of all processes, MiB", round(mib), n=1)
    yield row("bytes of shards", sum(shard["bytes"] for shard in manifest["shards"]), n=manifest["samples"])
    yield row("samples", manifest["samples"], n=manifest["samples"], digest=digest(out))
    for source, counts in manifest["counts"].items():
        yield row("accepted", counts["accepted"], n=counts["read"], source=source)
        for code, number in counts["refused"].items():
            yield row("refused", number, n=counts["read"], source=source, code=code)
    for group in ("joined", "simulated"):
        for what, number in manifest[group].items():
            yield row(f"{group}: {what}" if group == "simulated" else what, number, n=manifest["samples"])
    for modality, number in manifest["modalities"].items():
        yield row("samples with", number, n=manifest["samples"], modality=modality)
    yield from _checked(out)


def _checked(out: Path) -> Iterator[dict[str, Any]]:
    """Rows of the check: its time, and what the audit counted for each split."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", CODE, "check", str(out), "--json"], stdout=subprocess.PIPE, check=True)
    yield row("check seconds", round(time.monotonic() - start, 1), n=1)
    for split in json.loads(done.stdout)["splits"]:
        fold = split.pop("test_fold")
        for what, number in split.items():
            yield row(what.replace("_", " "), number, n=number, test_fold=fold)


def _again(name: str, out: Path) -> Iterator[dict[str, Any]]:
    seconds, mib, _ = built(name, out)
    yield row("build seconds", round(seconds, 1), n=1)
    yield row("peak memory of all processes, MiB", round(mib), n=1)
    yield row("files identical to the first build's", int(digest(out) == _first(name)), n=1, digest=digest(out))


def _killed(name: str, out: Path) -> Iterator[dict[str, Any]]:
    """Kill the build at random moments, each time sooner since less is left to do, then let it finish."""
    first = next(r["value"] for r in _present() if r["piece"] == name and r["metric"] == "build seconds")
    rng = random.Random(0)
    moments = [rng.uniform(0.1, 0.9) * first / 4**number for number in range(KILLS)]
    kept, killed = [], 0
    for moment in moments:
        process = _started(name, out)
        time.sleep(moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        kept.append(len(list(out.glob("shard-*.tar"))))
    seconds, _, _ = built(name, out)
    yield row("kills", killed, n=KILLS, after_seconds=[round(m) for m in moments], shards_kept=kept)
    yield row("build seconds after the last kill", round(seconds, 1), n=1)
    yield row("files identical to the first build's", int(digest(out) == _first(name)), n=1, digest=digest(out))


def _first(name: str) -> str:
    return next(r["digest"] for r in _present() if r["piece"] == name and "digest" in r)


def digest(folder: Path) -> str:
    """sha256 over the names and contents of all files of a data set."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _started(name: str, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", CODE, "build", name, "--out", str(out), "--workers", "2", "--json", "--no-report"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


def built(name: str, out: Path) -> tuple[float, float, Any]:
    """Seconds and MiB that a build takes, and its manifest."""
    start = time.monotonic()
    process = _started(name, out)
    peak = [0.0]
    watching = threading.Thread(target=watch, args=(process, peak))
    watching.start()
    stdout, _ = process.communicate()
    watching.join()
    if process.returncode:
        raise RuntimeError(f"build {name} ended with {process.returncode}")
    return time.monotonic() - start, peak[0], json.loads(stdout)


if __name__ == "__main__":
    main()
