"""Memory of a process and all that it has started."""

import subprocess
import time
from pathlib import Path


def watch(process: "subprocess.Popen[bytes]", peak: list[float]) -> None:
    """The largest sum of the memory of a process and its children, each page once (PSS), four times a second."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_pss_mib, _group(process.pid))))
        time.sleep(0.25)


def _group(leader: int) -> list[int]:
    """Processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
        except (OSError, IndexError, ValueError):
            continue
        if session == leader:
            found.append(int(folder.name))
    return found


def _pss_mib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
