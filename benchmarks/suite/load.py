"""What other processes took of the machine meanwhile: threads that wait for each other suffer more than single ones."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
BUSY = (0, 1, 2, 5, 6, 7)
"""user, nice, system, irq, softirq and steal in the first line of /proc/stat (proc(5)); guests stand within user."""
TOO_MUCH = 0.2
"""Cores; with more taken by others, ratios of threaded work mean little."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Times since the machine or the process started, seconds."""

    wall: float
    machine: float
    """Of all cores, busy."""
    own: float
    """Of this process and its ended children."""

    def others(self, later: "Reading") -> float:
        """Cores that other processes kept busy from this reading to the later one."""
        busy = (later.machine - self.machine) - (later.own - self.own)
        return max(busy, 0.0) / (later.wall - self.wall)


def reading() -> Reading | None:
    """The times now, None where the system does not tell."""
    if not STAT.is_file():
        return None
    ticks = STAT.read_text().splitlines()[0].split()[1:]
    machine = sum(int(ticks[i]) for i in BUSY) / os.sysconf("SC_CLK_TCK")
    return Reading(wall=time.monotonic(), machine=machine, own=sum(os.times()[:4]))


def others_since(start: Reading | None) -> float | None:
    """Cores that other processes kept busy since a reading, None where the system does not tell."""
    now = reading()
    return start.others(now) if start is not None and now is not None else None
