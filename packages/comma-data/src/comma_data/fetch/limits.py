"""How politely a server is asked, and how much of it is put up with."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from comma_data.fetch.errors import FetchError, StoppedError

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds in seconds and bytes. The schedule has no jitter: one client does not collide with itself."""

    interval: float = 0.5
    """Seconds from one request to the next."""
    request_seconds: float = 60.0
    """One request, from the name look-up to the last byte of the answer."""
    body_bytes: int = 64 * 2**20
    """One answer, unpacked."""
    attempts: int = 8
    """Requests for one answer before the run ends."""
    first_wait: float = 1.0
    """Seconds before the second attempt; each later wait is twice the one before."""
    longest_wait: float = 60.0
    """Seconds; a server that asks for more ends the run."""
    total_seconds: float = 6 * 3600.0
    """The whole run."""

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, 1 or more."""
        return min(self.first_wait * 2.0 ** (failures - 1), self.longest_wait)


@dataclass(kw_only=True)
class Patience:
    """The clock of one run: paces requests, waits between attempts, and ends the run when its time is over."""

    limits: Limits
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _start: float = field(init=False)
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._start = self.now()
        self._last = self._start - self.limits.interval

    def request_seconds(self) -> float:
        """Wait for the next request's turn, and tell how long it may take.

        Raises:
            StoppedError: The run's time is over.
        """
        self._pause(self._last + self.limits.interval - self.now())
        self._last = self.now()
        return min(self.limits.request_seconds, self._left())

    def persist(self, request: Callable[[], Result]) -> Result:
        """What a request returns, tried again after the failures that may pass.

        Raises:
            FetchError: The last failure, when attempts are used up or the server asks for too long a wait.
            StoppedError: The run's time is over.
        """
        failures = 0
        while True:
            try:
                return request()
            except FetchError as error:
                failures += 1
                wait = self.limits.wait(failures) if error.wait is None else error.wait
                if not error.retry or failures >= self.limits.attempts or wait > self.limits.longest_wait:
                    raise
            self._pause(wait)

    def _pause(self, seconds: float) -> None:
        if seconds > self._left():
            raise self._over()
        if seconds > 0:
            self.sleep(seconds)

    def _left(self) -> float:
        left = self._start + self.limits.total_seconds - self.now()
        if left <= 0:
            raise self._over()
        return left

    def _over(self) -> StoppedError:
        return StoppedError("out-of-time", f"stopped after {self.limits.total_seconds:g} s; the same command goes on")
