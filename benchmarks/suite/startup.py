"""How long `comma --help` takes to answer."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator

from benchmarks.suite.measure import Measurement, alternate


def measure(pairs: int = 7) -> Iterator[Measurement]:
    """Time the command, and a Python that only imports the library it is written with.

    Raises:
        FileNotFoundError: The command is not installed beside this Python.
    """
    command = shutil.which("comma", path=sysconfig.get_path("scripts"))
    if command is None:
        raise FileNotFoundError("`comma` is not installed beside this Python; run `hatch run bench` from the root")
    yield Measurement(
        name="help",
        peer="python -c 'import typer'",
        sizes="one process",
        costs=alternate(
            lambda: _run(command, "--help"), lambda: _run(sys.executable, "-c", "import typer"), pairs=pairs
        ),
        goal="< 0.5 s",
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
