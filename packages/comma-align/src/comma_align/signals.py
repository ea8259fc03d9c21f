"""Stop at the end of a step when the system asks for it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ASKING = ("SIGTERM", "SIGINT", "SIGUSR1")
"""What a scheduler or a user sends; SLURM sends SIGUSR1 ahead of time where `--signal` says so."""


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """A function that says whether such a signal came; a second one ends the process at once."""
    asked = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True

    numbers = [getattr(signal, name) for name in ASKING if hasattr(signal, name)]
    old = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield lambda: asked
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
