"""Bytes of a data set's files by offset: from a folder, or over https with range requests."""

import http.client
import ipaddress
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Protocol, Self
from urllib.parse import SplitResult, quote, urlsplit

from comma_data.errors import MissingFileError, ShardError, StorageError

OPEN = 128
"""Files that a reader of a folder keeps open."""
TIMEOUT = 30.0
"""Seconds that a server may be silent."""
TRIES = 5
"""Requests for one range before giving up; the pauses between them double from `PAUSE`."""
PAUSE = 0.5
"""Seconds."""
SLOWEST = 10_000
"""Bytes a second; an answer that comes more slowly is given up."""
LARGEST = 2**31
"""Bytes of one answer."""


class Reader(Protocol):
    """Where a data set's files are."""

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """Bytes of a file; fewer than `size` where it ends before, all to its end where no size is given.

        Raises:
            MissingFileError: There is no such file.
            StorageError: It cannot be read.
        """
        ...


def reader(place: Path | str) -> Reader:
    """The reader of a folder or of an https address (http only for this machine).

    Raises:
        ShardError: Another kind of address.
    """
    text = str(place)
    if "://" not in text and not text.startswith("pipe:"):
        return Folder(Path(place))
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ShardError(f"{text}: no address ({error})") from error
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return Server(parts)
    raise ShardError(f"{text}: data sets are read from a folder or an https address")


class Folder:
    """Files of a folder; the last ones used stay open, each process opens its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["Folder"], tuple[Path]]:
        """Open files do not travel."""
        return Folder, (self.path,)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        """Close what is open; bound beforehand, since an interpreter that ends has emptied `os`."""
        for handle in self._open.values():
            close(handle)

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """As `Reader.read`."""
        try:
            if size is None or not hasattr(os, "pread"):
                with (self.path / name).open("rb") as file:
                    file.seek(offset)
                    return file.read() if size is None else file.read(size)
            with self._lock:  # another thread must not close the file meanwhile
                return os.pread(self._handle(name), size, offset)
        except FileNotFoundError as error:
            raise MissingFileError(f"{self.path / name}: no such file; build or copy the data set again") from error
        except OSError as error:
            raise StorageError(f"{self.path / name}: cannot be read ({error.strerror})") from error

    def _handle(self, name: str) -> int:
        handle = self._open.get(name)
        if handle is not None:
            self._open.move_to_end(name)
        else:
            handle = self._open[name] = os.open(self.path / name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            if len(self._open) > OPEN:
                os.close(self._open.popitem(last=False)[1])
        return handle


class Server:
    """Files below an address; connections are kept, and a request that fails in passing is made again."""

    def __init__(self, address: SplitResult) -> None:
        self.address = address
        self._idle: list[http.client.HTTPConnection] = []
        """Open connections that no thread uses; one that reads takes its own out."""
        self._owner = os.getpid()

    def __reduce__(self) -> tuple[type["Server"], tuple[SplitResult]]:
        """Connections do not travel."""
        return Server, (self.address,)

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """As `Reader.read`."""
        if size == 0:
            return b""
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                return self._request(name, offset, size)
            except (OSError, http.client.HTTPException, _PassingError) as error:
                reason = str(error) or type(error).__name__
                self._close()  # what waited as long may be as stale
        raise StorageError(f"{self._url(name)}: no answer after {TRIES} tries ({reason}); try again later")

    def _request(self, name: str, offset: int, size: int | None) -> bytes:
        connection = self._taken()
        try:
            data = self._answer(connection, name, offset, size)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return data

    def _answer(self, connection: http.client.HTTPConnection, name: str, offset: int, size: int | None) -> bytes:
        last = "" if size is None else str(offset + size - 1)
        headers = {"Range": f"bytes={offset}-{last}", "Accept-Encoding": "identity"}
        connection.request("GET", self._path(name), headers=headers)
        answer = connection.getresponse()
        if answer.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            answer.read()
            return b""
        if answer.status not in {http.client.OK, http.client.PARTIAL_CONTENT}:
            self._refuse(name, answer)
        if answer.status == http.client.OK and (offset or size is not None):
            raise ShardError(f"{self._url(name)}: the server does not answer range requests; copy the data set instead")
        stated = answer.headers.get("Content-Length") or ""
        length = int(stated) if stated.isdecimal() else -1
        if not 0 <= length <= min(LARGEST, LARGEST if size is None else size):
            raise _PassingError(f"an answer of {stated or 'unknown'} bytes")
        return _within_time(answer, length)

    def _refuse(self, name: str, answer: http.client.HTTPResponse) -> None:
        if answer.status == http.client.TOO_MANY_REQUESTS or answer.status >= http.client.INTERNAL_SERVER_ERROR:
            raise _PassingError(f"status {answer.status}")
        kind = MissingFileError if answer.status == http.client.NOT_FOUND else ShardError
        raise kind(f"{self._url(name)}: the server answers {answer.status} {answer.reason}")

    def _taken(self) -> http.client.HTTPConnection:
        """A connection for this thread alone."""
        if self._owner != os.getpid():  # of the process that this one was forked from
            self._idle, self._owner = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            kind = http.client.HTTPSConnection if self.address.scheme == "https" else http.client.HTTPConnection
            return kind(self.address.hostname or "", self.address.port, timeout=TIMEOUT)

    def _close(self) -> None:
        """Close what is idle."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread has taken the last one
                return
            connection.close()

    def __enter__(self) -> Self:
        """Keep the connections for the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._close()

    def __del__(self) -> None:
        """Close the connections."""
        self._close()

    def _path(self, name: str) -> str:
        return f"{self.address.path.rstrip('/')}/{quote(name)}"

    def _url(self, name: str) -> str:
        return f"{self.address.scheme}://{self.address.netloc}{self._path(name)}"


def _within_time(answer: http.client.HTTPResponse, length: int) -> bytes:
    """The answer's bytes, which have to come at `SLOWEST` bytes a second at least."""
    deadline = time.monotonic() + TIMEOUT + length / SLOWEST
    parts: list[bytes] = []
    missing = length
    while missing:
        part = answer.read1(min(missing, 2**20))
        missing -= len(part)
        if not part or time.monotonic() > deadline:
            raise _PassingError(f"an answer that was cut or stalled, {missing} of {length} bytes missing")
        parts.append(part)
    answer.read()  # nothing: it tells the connection that the answer is over
    return b"".join(parts)


class _PassingError(Exception):
    """A fault that another try may not meet."""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
