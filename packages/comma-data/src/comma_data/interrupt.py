"""A long command that is told to stop says how to go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from comma_data.errors import InterruptedBuildError


@contextmanager
def resumable(how: str) -> Iterator[None]:
    """End the block on SIGINT and SIGTERM with an error of exit code 4.

    Args:
        how: What to do to go on, for the message.

    Raises:
        InterruptedBuildError: The process was told to stop.
    """
    ours = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _interrupt) if ours else None
    try:
        yield
    except KeyboardInterrupt as error:
        raise InterruptedBuildError(f"interrupted; {how}") from error
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
