"""A `requests` session that asks one server only, and takes only answers of bounded time and size."""

import io
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from comma_data import __version__
from comma_data.errors import ConfigError
from comma_data.fetch.errors import FetchError
from comma_data.fetch.limits import Patience

Result = TypeVar("Result")
Origin = tuple[str, str, int]
"""(scheme, host, port)."""

CONNECT_SECONDS = 15.0
_PIECE = 2**16
_PORTS = {"http": 80, "https": 443}
_BUSY = frozenset({408, 425, 429})


def open_session(url: str, patience: Patience) -> requests.Session:
    """A session for the server of this URL; a redirect to another server is an error.

    Raises:
        ConfigError: Not a plain http or https URL.
    """
    guard = _Guard(origin=origin_of(url), patience=patience)
    session = requests.Session()
    session.max_redirects = 3
    session.headers["User-Agent"] = f"comma-data/{__version__}"
    for scheme in _PORTS:
        session.mount(f"{scheme}://", guard)
    return session


def origin_of(url: str) -> Origin:
    """Scheme, host and port.

    Raises:
        ConfigError: Not a URL of http or https, or one with a name or password in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise ConfigError(f"a URL that cannot be read ({error}); give one such as https://example.org") from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        given = f"{parts.scheme}://{parts.hostname}"
        raise ConfigError(f"{given}: give an http or https URL without a user name or password in it")
    return parts.scheme, parts.hostname, port


class _Guard(BaseAdapter):
    """Stands between a session and the network. Holds every answer in memory before anyone parses it."""

    def __init__(self, *, origin: Origin, patience: Patience) -> None:
        super().__init__()
        self._origin = origin
        self._patience = patience
        self._network = HTTPAdapter(max_retries=0)

    def send(  # noqa: PLR0913, PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - the signature of requests; answers are read whole
        timeout: Any = None,  # noqa: ARG002 - the client's; the run's own limits hold
        verify: bool | str = True,  # noqa: FBT001, FBT002 - the signature of requests
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The complete answer, status below 400.

        Raises:
            FetchError: Another server, no answer, or one that is late, too large, cut or an error.
        """
        url = str(request.url)
        self._check_origin(url)
        seconds = self._patience.request_seconds()
        exchange = partial(self._exchange, request, seconds, verify=verify, cert=cert, proxies=proxies)
        response, body = within(seconds, exchange, what=_place(url))
        _check_status(response, body)
        response.raw = io.BytesIO(body)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._network.close()

    def _check_origin(self, url: str) -> None:
        asked = origin_of(url)
        if asked != self._origin:
            here, there = ("{}://{}:{}".format(*origin) for origin in (self._origin, asked))
            message = f"{here} sends to {there}: only one server is asked; give the other's address if you trust it"
            raise FetchError("other-host", message)

    def _exchange(
        self, request: requests.PreparedRequest, seconds: float, **options: Any
    ) -> tuple[requests.Response, bytes]:
        place = _place(str(request.url))
        try:
            timeout = (min(CONNECT_SECONDS, seconds), seconds)
            response = self._network.send(request, stream=True, timeout=timeout, **options)
            with response:
                return response, self._body(response, place)
        except requests.exceptions.SSLError as error:
            raise FetchError("certificate", f"{place}: {_brief(error)}; check the address") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            message = f"{place}: {_brief(error)}; check the network, then give the same command again"
            raise FetchError("connection", message, retry=True) from error

    def _body(self, response: requests.Response, place: str) -> bytes:
        largest = self._patience.limits.body_bytes
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > largest:
            _too_large(place, largest)
        pieces, size = [], 0
        for piece in response.raw.stream(_PIECE, decode_content=True):
            size += len(piece)
            if size > largest:
                _too_large(place, largest)
            pieces.append(piece)
        return b"".join(pieces)


def within(seconds: float, call: Callable[[], Result], *, what: str) -> Result:
    """What the call returns or raises, if it is done in time.

    It runs in a thread of its own: a socket's time-out bounds neither the name look-up nor an answer that comes one
    byte at a time. A call that is late is left to its thread, which ends with the process at the latest.

    Raises:
        FetchError: Code `too-slow`.
    """
    done: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        result, error = None, FetchError("too-slow", f"{what}: no complete answer within {seconds:g} s", retry=True)
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # a result where there is no error


def _check_status(response: requests.Response, body: bytes) -> None:
    status = response.status_code
    if status < 400:
        return
    said = " ".join(body[:400].decode("utf-8", "replace").split())
    advice = "check the key" if status in {401, 403} else "give the same command again later"
    message = f"{_place(str(response.url))} answers {status} ({_printable(said)}); {advice}"
    retry = status in _BUSY or status >= 500
    raise FetchError(f"status-{status}", message, retry=retry, wait=_retry_after(response) if retry else None)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds of the header `Retry-After` (RFC 9110, section 10.2.3), a number or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _too_large(place: str, largest: int) -> NoReturn:
    raise FetchError("too-large", f"{place}: an answer of more than {largest:,} bytes; ask for fewer fields")


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _brief(error: BaseException) -> str:
    return _printable(" ".join(f"{type(error).__name__}: {error}".split())[:300])


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
