"""Fault 25: the key of the Materials Project in a file, a log, a message or a traceback."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.reliability.faulty_server import KEY, faulty_server
from benchmarks.reliability.outcome import Outcome

FAULT = 25
WHAT = "a planted key in all inputs, answers, crashes and bugs: 0 occurrences in every file, log and traceback"


def run(*, full: bool, folder: Path) -> Outcome:
    """Probe with the redaction, in full also without it, and count what holds the key."""
    ways, found, files = _probe(folder / "guarded", "guarded")
    note = f"{files} files searched"
    if full:
        _, without, _ = _probe(folder / "naked", "naked")
        note += f"; with the redaction taken away the key stands in {len(without)} of them"
    if found:
        note += f"; key in {', '.join(found)}"
    return Outcome(tried=ways, survived=ways - len(found), lost=len(found), note=note)


def _probe(folder: Path, how: str) -> tuple[int, list[str], int]:
    """Number of ways tried, names of the files that hold the key, number of files."""
    home = folder / "home"
    home.mkdir(parents=True)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MP_", "PMG_", "MPRESTER_"))}
    with faulty_server() as port:
        command = [sys.executable, "-m", "benchmarks.reliability.secret_probe", str(folder), str(port), how]
        done = subprocess.run(command, check=True, capture_output=True, env={**known, "HOME": str(home)})
    (folder / "stdout").write_bytes(done.stdout)
    (folder / "stderr").write_bytes(done.stderr)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    holding = [path for path in sorted(folder.rglob("*")) if _holds(path)]
    return len(list(folder.glob("*.log"))), [str(path.relative_to(folder)) for path in holding], len(files)


def _holds(path: Path) -> bool:
    return KEY in path.name or (path.is_file() and KEY.encode() in path.read_bytes())
