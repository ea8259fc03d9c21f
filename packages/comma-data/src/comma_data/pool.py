"""Work on untrusted files in other processes: in order, a bounded number at a time, and no file takes the rest down."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait
from types import FrameType
from typing import Protocol, Self, TypeVar

from comma_data.errors import WorkerError

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 64
"""Items that travel to a worker at once, where nothing else is said."""
AHEAD = 4
"""Chunks per worker that are read before their results are taken."""


class TooSlowError(BaseException):
    """A call ran past its time. No `except Exception` of a library can swallow it."""


class Engine(Protocol):
    """What a build's work runs on. Results come in the order of the items, whatever the engine."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        on_death: Callable[[Item], Result],
        size: int = CHUNK,
    ) -> Iterator[Result]:
        """`function` of every item, in the order of the items.

        Args:
            function: A module-level function, or a `partial` of one; exceptions that it raises come out here.
            items: Read as results are taken, a few chunks ahead.
            on_death: What stands for an item whose process died.
            size: Items that travel to a worker at once.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Serial:
    """Works in this process."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        on_death: Callable[[Item], Result],  # noqa: ARG002 - this process cannot outlive itself
        size: int = CHUNK,  # noqa: ARG002 - nothing travels
    ) -> Iterator[Result]:
        """As `Engine.map`."""
        return map(function, items)


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Works in other processes of this machine, so that no file takes the build down."""

    workers: int

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        on_death: Callable[[Item], Result],
        size: int = CHUNK,
    ) -> Iterator[Result]:
        """As `Engine.map`."""
        remaining = iter(items)
        chunks = iter(lambda: list(islice(remaining, size)), [])
        pending: deque[tuple[list[Item], Future[list[Result]]]] = deque()
        with _Pool(self.workers) as pool:
            for chunk in chunks:
                pending.append((chunk, pool.submit(function, chunk)))
                if len(pending) >= AHEAD * self.workers:
                    yield from pool.results(function, pending, on_death)
            while pending:
                yield from pool.results(function, pending, on_death)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TooSlowError` inside the block when it has used its time of the processor, and again every tenth of it.

    Time of the processor, so that a busy machine refuses nothing. Works in the main thread of a process on systems
    with interval timers; elsewhere it does nothing.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    armed = True

    def stop(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raise TooSlowError(f"took more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds / 10)
    try:
        try:
            yield
        finally:
            armed = False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class _Pool:
    """A process pool that is made anew when one of its processes dies."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor = self._new(workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    @staticmethod
    def _new(workers: int) -> ProcessPoolExecutor:
        # spawn: a fork of a process with threads can hang
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)

    def submit(self, function: Callable[[Item], Result], chunk: list[Item]) -> "Future[list[Result]]":
        try:
            return self._executor.submit(_each, function, chunk)
        except BrokenProcessPool as error:
            broken: Future[list[Result]] = Future()
            broken.set_exception(error)
            return broken

    def results(
        self,
        function: Callable[[Item], Result],
        pending: "deque[tuple[list[Item], Future[list[Result]]]]",
        on_death: Callable[[Item], Result],
    ) -> list[Result]:
        """Results of the oldest chunk; if its process died, its items are tried one by one."""
        chunk, future = pending.popleft()
        try:
            return future.result()
        except BrokenProcessPool:
            self._executor.shutdown(cancel_futures=True)
        results = self._one_by_one(function, chunk, on_death)
        self._executor = self._new(self._workers)
        again = [(others, self.submit(function, others)) for others, _ in pending]
        pending.clear()
        pending.extend(again)
        return results

    def _one_by_one(
        self, function: Callable[[Item], Result], chunk: list[Item], on_death: Callable[[Item], Result]
    ) -> list[Result]:
        results: list[Result] = []
        executor = self._started()
        try:
            for item in chunk:
                try:
                    results.append(executor.submit(function, item).result())
                except BrokenProcessPool:
                    results.append(on_death(item))
                    executor.shutdown()
                    executor = self._started()
        finally:
            executor.shutdown()
        return results

    def _started(self) -> ProcessPoolExecutor:
        """A pool of one process that has shown that it can begin: else every item would be blamed for its death."""
        executor = self._new(1)
        try:
            executor.submit(os.getpid).result()
        except BrokenProcessPool as error:
            executor.shutdown()
            raise WorkerError(NO_START) from error
        return executor


NO_START = (
    "a worker process ended before it began; in a script of your own, put what starts the work below"
    ' `if __name__ == "__main__":`, or use engine Serial() (on the command line, --workers 0)'
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries of linear algebra read when they are first imported."""


def _begin() -> None:
    """What a worker does first.

    It takes one thread, where nobody says otherwise: the workers are as many as the processors, and small matrix
    products on two threads each cost half as much again.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
    end_with_parent()


def end_with_parent(_worker: int = 0) -> None:
    """End this process when the one that started it is gone, even killed: nobody would take its results.

    A thread of its own waits for that, because a worker may by then wait itself, and for ever: what it has made is more
    than the pipe holds that nobody reads any more. The number of the worker is what torch tells such a function.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _each(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(item) for item in chunk]
