"""Stop at the end of a step when the system asks for it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import c_byte
from types import FrameType

from comma_data.pool import end_with_parent

ASKING = ("SIGTERM", "SIGINT", "SIGUSR1")
"""What a scheduler or a user sends; SLURM sends SIGUSR1 ahead of time where `--signal` says so."""
ONE_WISH = 2.0
"""Seconds within which signals say the same: torchrun passes on to its processes what they were sent as well."""


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in ASKING if hasattr(signal, name)]


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """A function that says whether such a signal came; one that comes more than 2 s later ends the process at once.

    In another thread than the first, where Python takes no handlers, signals do what they did.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    first: float | None = None

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None:
            first = now
        elif now - first > ONE_WISH:
            os._exit(128 + number)

    old = {number: signal.signal(number, on_signal) for number in _numbers()}
    try:
        yield lambda: first is not None
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def stay(over: c_byte, worker: int) -> None:
    """Make a worker process go on when the whole group is asked to stop, so that the step can end.

    Where a worker dies, torch raises an error wherever the main process is. Once that has set `over`, a signal ends the
    worker, as it has to where it does not end by itself. And it ends with the main process, even where that is killed.
    """
    end_with_parent(worker)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if over.value:
            os._exit(0)

    for number in _numbers():
        signal.signal(number, on_signal)
