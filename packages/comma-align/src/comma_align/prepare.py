"""The data folder of a run: there, or a build that needs nothing from the user and is made now."""

import sys
from pathlib import Path

from comma_align.errors import RunError


def ensure_data(data: Path, *, may_build: bool) -> Path:
    """The folder if it holds a data set; else, for a named build without sources of the user's, build it.

    Args:
        data: where the data set is, or will be.
        may_build: whether the folder may be made: it is named by a config, not by the user.

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
    print(f"{data} is not there yet: building the set {data.name!r} that comes with comma-data", file=sys.stderr)
    progress = Printer()
    build(plan, root=None, out=data, engine=Processes(workers=2), progress=progress)
    progress.close()
    return data
