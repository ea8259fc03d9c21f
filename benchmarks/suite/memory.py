"""How much memory a piece of work needs beyond what stands already."""

import ctypes
import gc
import sys
from pathlib import Path

from benchmarks.suite.measure import Work

PROCESS = Path("/proc/self")
RESET_PEAK = "5"
"""What makes Linux forget the peak of the resident size (proc(5), clear_refs)."""

AVAILABLE = sys.platform == "linux" and (PROCESS / "clear_refs").exists()
"""Whether this system can tell."""


def extra_peak(work: Work) -> float:
    """MiB by which the resident size peaked, during the work, above where it stood before.

    Raises:
        OSError: The system cannot tell; see `AVAILABLE`.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # what the allocator kept of earlier work would hide what this one needs
        trim(0)
    (PROCESS / "clear_refs").write_text(RESET_PEAK)
    before = _status("VmRSS")
    work()
    return max(_status("VmHWM") - before, 1) / 1024


def _status(field: str) -> int:
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
