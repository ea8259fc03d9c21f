"""The data folder of a run: there, or a build that needs nothing from the user and is made now."""

import os
import sys
import time
from pathlib import Path

from comma_align.errors import RunError

PATIENCE = 3600.0
"""Seconds that the other processes of a job wait for the first one's build."""


def first() -> bool:
    """Whether this is the first, or the only, process of a job: the one that builds, and speaks."""
    return os.environ.get("RANK", "0") == "0"


def _waited_for(data: Path) -> bool:
    """Whether another process has made the data set within the time."""
    end = time.monotonic() + PATIENCE
    while not (data / "manifest.json").is_file() and time.monotonic() < end:
        time.sleep(0.5)
    return (data / "manifest.json").is_file()


def ensure_data(data: Path, *, may_build: bool, aside: Path | None = None) -> Path:
    """The folder if it holds a data set; else, for a named build without sources of the user's, build it.

    Args:
        data: where the data set is, or will be.
        may_build: whether the folder may be made: it is named by a config, not by the user.
        aside: a folder in which it is made instead, by each process, for a try that leaves nothing behind.

    Raises:
        RunError: nothing is there and nothing can be made; the message gives the command that makes it.
    """
    from comma_data.build import build  # noqa: PLC0415  pymatgen
    from comma_data.config import CONFIGS, read_build  # noqa: PLC0415
    from comma_data.pool import Processes  # noqa: PLC0415
    from comma_data.progress import Printer  # noqa: PLC0415

    if (data / "manifest.json").is_file():
        return data
    if not may_build or not (CONFIGS / f"{data.name}.toml").is_file():
        raise RunError(f"there is no data set in {data}; make one with: comma data build NAME --root DIR --out {data}")
    plan = read_build(data.name)
    if plan.structures or plan.recipes:
        raise RunError(f"there is no data set in {data}; make it with: comma data build {data.name} --root DIR")
    if aside is None and not first():
        if _waited_for(data):
            return data
        raise RunError(f"the first process has not made {data} within {PATIENCE / 60:.0f} minutes")
    out, where = (data, "") if aside is None else (aside / data.name, " aside, to be removed again")
    print(f"{data} is not there yet: building the set {data.name!r} that comes with comma-data{where}", file=sys.stderr)
    progress = Printer()
    build(plan, root=None, out=out, engine=Processes(workers=2), progress=progress)
    progress.close()
    return out
