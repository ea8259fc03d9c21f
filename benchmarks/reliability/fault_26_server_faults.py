"""Fault 26: servers that are busy, broken, slow, endless or lead elsewhere, and a fetch that is killed."""

import json
import os
import random
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

from comma_data.fetch.errors import FetchError
from comma_data.fetch.limits import Limits
from comma_data.fetch.store import JOURNAL

from benchmarks.reliability.faulty_server import KEY, ask, faulty_server
from benchmarks.reliability.outcome import Outcome

FAULT = 26
WHAT = "faults of a server: a typed error in time, no other host asked; gone on from, the same files"
BOTH = ("busy later error denied cut drip drip-head garbage deep shape huge huge-chunked bomb elsewhere circle").split()
"""Faults that either API can have."""
LINKS = ("link", "itself")
"""Faults of OPTIMADE's next links."""
SMALL = {"optimade": ["busy", "cut", "drip-head", "garbage", "huge-chunked", "elsewhere", "link"], "mp": ["elsewhere"]}
FULL = {"optimade": [*BOTH, *LINKS], "mp": BOTH}
RUNS = 12
"""After so many the fault is over and the folder complete."""
KILLS = 50


def run(*, full: bool, folder: Path) -> Outcome:
    """Each fault twice: one that stays, and one that passes while the same command is given again."""
    limits = Limits(
        interval=0,
        request_seconds=1.0 if full else 0.2,
        attempts=3,
        first_wait=0.01,
        longest_wait=0.05,
        total_seconds=60,
    )
    with patch.dict(os.environ, MP_API_KEY=KEY), faulty_server() as port:
        for api in FULL:
            ask(api, f"http://127.0.0.1:{port}/ok~1~1~{api}/", folder / api, limits)
        before = _peak()
        results = list(_trials(port, folder, limits, FULL if full else SMALL))
        grown, elsewhere = _peak() - before, _asked(port, "elsewhere")
        kills = list(_kills(port, folder)) if full else []
    survived = sum(good for _, good in [*results, *kills]) if not elsewhere else 0
    tried = len(results) + len(kills)
    failed = ", ".join(name for name, good in [*results, *kills] if not good) or "none"
    note = (
        f"{len(results)} trials of faults, {len(kills)} SIGKILLs; failed: {failed}; requests to the other host:"
        f" {elsewhere}; memory grew by {grown:.0f} MB"
    )
    return Outcome(tried=tried, survived=survived, lost=tried - survived, note=note)


def _trials(port: int, folder: Path, limits: Limits, faults: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, bool]]:
    for api, names in faults.items():
        for fault in names:
            url, out = f"http://127.0.0.1:{port}/{fault}", folder / f"{api}-{fault}"
            yield f"{api} {fault} stays", _typed(api, f"{url}~2~999~{api}/", out.with_name(f"{out.name}-stays"), limits)
            yield f"{api} {fault} passes", _resumed(api, f"{url}~3~6~{api}/", out, limits, folder / api)


def _typed(api: str, url: str, out: Path, limits: Limits) -> bool:
    """Whether the run ends in a typed error within the time that its attempts may take."""
    start = time.monotonic()
    try:
        ask(api, url, out, limits)
    except FetchError as error:
        in_time = time.monotonic() - start < 10 + limits.attempts * limits.request_seconds
        return in_time and bool(error.code) and not out.exists()
    return False


def _resumed(api: str, url: str, out: Path, limits: Limits, whole: Path) -> bool:
    """Whether the same command, given again, ends with the files of an undisturbed run."""
    for _ in range(RUNS):
        try:
            ask(api, url, out, limits)
        except FetchError:
            continue
        break
    return out.is_dir() and _content(out) == _content(whole)


def _kills(port: int, folder: Path) -> Iterator[tuple[str, bool]]:
    """A fetch of 25 pages, killed at a random moment of each run until one comes through."""
    rng = random.Random(26)
    url = f"http://127.0.0.1:{port}/ok~1~1~kills/"
    ask("optimade", url, folder / "unkilled", Limits(interval=0), page=1)
    whole, number, kills = _content(folder / "unkilled"), 0, 0
    while kills < KILLS:
        out = folder / f"killed-{number}"
        number, before = number + 1, kills
        while not out.exists() and kills < before + 5:
            kills += _killed(url, out, rng.uniform(0.0, 0.5))
        ask("optimade", url, out, Limits(interval=0), page=1)
        yield from ((f"kill {kill}", _content(out) == whole) for kill in range(before, kills))


def _killed(url: str, out: Path, seconds: float) -> bool:
    """Whether the fetch was still running when it was killed."""
    command = [sys.executable, "-m", "benchmarks.reliability.faulty_server", url, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is not None:
            process.stdout.readline()
        time.sleep(seconds)
        running = process.poll() is None
        process.kill()
    return running


def _content(folder: Path) -> dict[str, bytes]:
    """Every file; of the journal all but the query, which names the server's path, and the day."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    journal = json.loads(files[JOURNAL])
    return {**files, JOURNAL: json.dumps({**journal, "query": None, "started": None}).encode()}


def _asked(port: int, name: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}/seen") as answer:
        return int(json.load(answer)["seen"])


def _peak() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
