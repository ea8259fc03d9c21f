"""A call in a process of its own: one that takes too long is killed, and one that dies takes nothing down with it.

The time limits of the readers of comma-data need the main thread of a process, which a server's threads are not; and
what a library does in C, no limit ends but the end of its process.
"""

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import LifoQueue
from typing import Any

from comma_data.pool import end_with_parent

AT_ONCE = 2
"""Processes at most; whoever comes then waits."""
START = 120.0
"""Seconds that a process may take to load its libraries, on a busy machine."""
NO_START = (
    "the process that reads files ended before it began; in a script of your own, put what starts the server below"
    ' `if __name__ == "__main__":`'
)


class GivenUpError(Exception):
    """The call took too long, or its process died; the message is the end of a sentence."""


@dataclass(kw_only=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    ready: bool = False

    def ask(self, arguments: tuple[Any, ...], longest: float) -> Any:
        """What the function returns.

        Raises:
            GivenUpError: as `Apart.call`.
        """
        self._begin()
        try:
            self.connection.send(arguments)
            good, told = self._wait(longest)
        except (EOFError, OSError) as error:
            raise GivenUpError("ended the process that read it") from error
        if not good:
            raise RuntimeError(f"in the other process:\n{told}")
        return told

    def _begin(self) -> None:
        """Wait until it has begun: else the first file would be blamed for a process that cannot."""
        try:
            self.ready = self.ready or self._wait(START)
        except (EOFError, OSError) as error:
            raise RuntimeError(NO_START) from error

    def _wait(self, longest: float) -> Any:
        if not self.connection.poll(longest):
            raise GivenUpError(f"took more than {longest:g} s")
        return self.connection.recv()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


@dataclass(kw_only=True)
class Apart:
    """A function that is called in other processes, which stay for the next call: to start one takes a second."""

    function: Callable[..., Any]
    """Of a module; what it takes and returns is pickled."""
    longest: float
    """Seconds of a call."""
    _free: LifoQueue[_Worker | None] = field(default_factory=LifoQueue, repr=False)
    """The one that was used last comes first; None where none is started yet."""

    def __post_init__(self) -> None:
        """As many places as there may be processes."""
        for _ in range(AT_ONCE):
            self._free.put(None)

    def warm(self) -> None:
        """Start a process, and do not wait for it."""
        worker = self._free.get()
        self._free.put(worker or self._started())

    def call(self, *arguments: Any) -> Any:
        """The function of these arguments.

        Raises:
            GivenUpError: it took too long, or its process died; the next call has another.
        """
        worker = self._free.get()
        try:
            worker = worker or self._started()
            told = worker.ask(arguments, self.longest)
        except BaseException:
            # whatever came between, the next call must not get the answer to this one
            if worker is not None:
                worker.kill()
            worker = None
            raise
        finally:
            self._free.put(worker)
        return told

    def _started(self) -> _Worker:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.function), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process=process, connection=ours)


def _work(connection: Connection, function: Callable[..., Any]) -> None:
    """What a process does: calls, one after the other, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C on the terminal is for the server, which ends this too
    end_with_parent()
    connection.send(True)  # noqa: FBT003 - so that it is known to have begun
    while True:
        try:
            arguments = connection.recv()
        except EOFError:
            return
        try:
            told = (True, function(*arguments))
        except Exception:  # noqa: BLE001 - it is raised again on the other side
            told = (False, traceback.format_exc())
        connection.send(told)
