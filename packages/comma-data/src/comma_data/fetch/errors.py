"""What can go wrong with a server, with what may be done about it."""

from comma_data.errors import DataError


class FetchError(DataError):
    """A server, or the way to it, does not answer as it should; what was stored so far stays and is gone on from."""

    exit_code = 5

    def __init__(self, code: str, message: str, *, retry: bool = False, wait: float | None = None) -> None:
        """An error with a code that can be counted.

        Args:
            code: Short kebab-case reason, e.g. `status-429`.
            message: Who answered what, and what to do.
            retry: Whether the same request may succeed later.
            wait: Seconds that the server asks to wait, where it does.
        """
        super().__init__(message)
        self.code = code
        self.retry = retry
        self.wait = wait


class StoppedError(FetchError):
    """Stopped by the user or by the budget of time; the same command goes on."""

    exit_code = 4
