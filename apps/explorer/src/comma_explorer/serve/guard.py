"""Who may ask the server: a page of its own, on this machine, that holds its token.

A browser will send requests to 127.0.0.1 for any page that asks it to, and a name that an attacker owns can be made to
lead there (DNS rebinding). So the names Host and Origin have to be those of this server, and a cookie that no other
site can send has to hold the token that was printed where the server was started.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

HOSTS = ("127.0.0.1", "localhost")
METHODS = ("GET", "HEAD", "POST")
OWN = ("same-origin", "none")
"""`Sec-Fetch-Site` of requests by pages of this server, and of addresses that were typed."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
"""Of every answer, unless the answer itself says otherwise."""


class TooLargeError(Exception):
    """A body beyond the bound, of which nobody said before how long it is; the app answers it as `too_large` does."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Lets through what may be asked, and puts safe headers on every answer."""

    app: App
    token: str
    port: int
    largest: int
    """Bytes of a request's body."""
    _tickets: set[str] = field(default_factory=set)

    def ticket(self) -> str:
        """What stands for the token in one request, the next that holds it.

        A browser is started with its address on the command line, which every user of the machine can read.
        """
        made = secrets.token_urlsafe(24)
        self._tickets.add(made)
        return made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        refused = self._refused(scope, headers)
        if refused is not None:
            await answer(send, *refused)
            return
        if (given := self._given(scope)) is not None:
            cookie = f"{self.cookie}={given}; Path=/; HttpOnly; SameSite=Strict"
            await answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", cookie.encode())])
            return
        if not self._knows(headers):
            told = (
                "This page belongs to whoever started it: open the address that `comma serve` printed, with its token."
            )
            await answer(send, 401, told)
            return
        await self._pass_on(scope, receive, send)

    @property
    def cookie(self) -> str:
        """Its name: cookies do not tell ports apart."""
        return f"comma-{self.port}"

    def _refused(self, scope: Scope, headers: MutableMapping[bytes, bytes]) -> tuple[int, str] | None:
        """Status and reason."""
        hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
        known = [f"{host}:{self.port}".encode() for host in HOSTS]
        if self.port == 80:  # browsers leave it out
            known += [host.encode() for host in HOSTS]
        if len(hosts) != 1 or hosts[0] not in known:
            return 421, "This server answers to 127.0.0.1 and localhost alone."
        if headers.get(b"origin", b"http://" + hosts[0]) != b"http://" + hosts[0]:
            return 403, "Pages of other origins may not ask."
        if headers.get(b"sec-fetch-site", b"none").decode("latin-1") not in OWN:
            return 403, "Pages of other sites may not ask."
        if scope["method"] not in METHODS:
            return 405, "Only GET and POST."
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.largest:
            return 413, too_large(self.largest)
        return None

    def _given(self, scope: Scope) -> str | None:
        """The token, where the address holds it or a ticket, which is used up."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if scope["path"] != "/" or len(given) != 1:
            return None
        known = [one for one in (self.token, *self._tickets) if hmac.compare_digest(given[0].encode(), one.encode())]
        self._tickets.difference_update(known)
        return self.token if known else None

    def _knows(self, headers: MutableMapping[bytes, bytes]) -> bool:
        # by hand: servers at other ports set cookies too, and one that SimpleCookie cannot parse hides all behind it
        pairs = (pair.strip().partition("=") for pair in headers.get(b"cookie", b"").decode("latin-1").split(";"))
        given = [value.encode() for name, _, value in pairs if name == self.cookie]
        return any(hmac.compare_digest(value, self.token.encode()) for value in given)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.largest:
                raise TooLargeError(too_large(self.largest))
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": with_safe(message.get("headers", ()))}
            await send(message)

        await self.app(scope, counted, guarded)


def too_large(largest: int) -> str:
    """What the answer 413 says."""
    return f"At most {largest // 2**20} MiB can be sent."


def with_safe(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers, and of the safe ones those that are not among them."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return [*given, *((name, value) for name, value in SAFE if name not in names)]


async def answer(send: Send, status: int, text: str, headers: Headers | None = None) -> None:
    """A short answer in plain text."""
    plain = [(b"content-type", b"text/plain; charset=utf-8"), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": with_safe(plain)})
    await send({"type": "http.response.body", "body": text.encode()})
