"""How much memory a call takes beyond what its process held before."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def growth_of(function: Callable[[], Result]) -> tuple[Result, float]:
    """What the function returns, and the MB by which it raised the largest resident memory of this process.

    Linux only, and there not `ru_maxrss`, which a new process inherits from the one that started it.

    Raises:
        OSError: The system has no /proc.
    """
    _CLEAR.write_text("5")  # sets the high-water mark back to what is held now
    before = _high_water()
    result = function()
    return result, _high_water() - before


def _high_water() -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
