"""Fault 20: archives that try to leave their place, to be followed, or to unpack without end."""

from functools import partial
from pathlib import Path

from comma_data.errors import DataError
from comma_data.pool import Processes
from comma_data.sample import Refusal
from comma_data.sources.structures import read

from benchmarks.reliability.evil_archives import write_archives
from benchmarks.reliability.memory_growth import growth_of
from benchmarks.reliability.outcome import Outcome

FAULT = 20
WHAT = "40 evil archives: no file outside, 40 typed refusals, memory bounded"
MEGABYTES = 200.0
"""That one of them may take."""


def run(*, full: bool, folder: Path) -> Outcome:  # noqa: ARG001 - the forty take seconds
    """Write the archives below the folder and read each; the folder `outside` has to stay empty."""
    inside, outside = folder / "archives", folder / "archives" / "outside"
    outside.mkdir(parents=True)
    archives = list(write_archives(inside))
    before = sorted(folder.rglob("*"))
    trials = list(Processes(workers=1).map(_trial, [evil.path for evil in archives], on_death=_died))
    survived = 0
    for evil, (found, _) in zip(archives, trials, strict=True):
        survived += found == evil.code
        if found != evil.code:
            print(f"{evil.path.name}: expected {evil.code or 'an error'}, got {found}")
    clean, grown = sorted(folder.rglob("*")) == before, max(grown for _, grown in trials)
    if not clean or grown > MEGABYTES:
        survived = 0
    note = f"files outside: {0 if clean else 'some'}; memory grew by {grown:.0f} MB at most"
    return Outcome(tried=len(archives), survived=survived, lost=len(archives) - survived, note=note)


def _trial(path: Path) -> tuple[str, float]:
    return growth_of(partial(_code, path))


def _died(_path: Path) -> tuple[str, float]:
    return "its process died", 0.0


def _code(path: Path) -> str:
    """Codes of the refusals, empty for a typed error, `accepted` where a structure came out."""
    try:
        return ", ".join(item.code if isinstance(item, Refusal) else "accepted" for item in read(path)) or "nothing"
    except DataError:
        return ""
