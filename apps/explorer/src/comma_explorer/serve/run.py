"""The server: on the loopback alone, with a token of its own, until it is interrupted."""

import os
import secrets
import signal
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from comma_explorer.search.errors import SearchError
from comma_explorer.serve.desk import Desk
from comma_explorer.serve.guard import Guard
from comma_explorer.serve.site import app_of

HOST = "127.0.0.1"
ADDRESS = 128 * 1024
"""Bytes of a request's head at most: the longest question in any script, of up to twelve bytes a letter."""


def listening(port: int) -> socket.socket:
    """A socket on the loopback.

    Raises:
        SearchError: the port is taken.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen()  # so that who comes before everything is open waits, and is not refused
    except OSError as error:
        made.close()
        raise SearchError(f"port {port} cannot be used ({error.strerror}); leave --port out for a free one") from error
    return made


def run(
    opened: Callable[[], Desk], *, port: int = 0, browser: bool = False, say: Callable[[str], None] = lambda _: None
) -> None:
    """Open everything, tell the address, and serve until interrupted.

    Args:
        opened: opens what is served; the port is taken before, so that one that is taken is told at once.
        port: 0 takes a free one.
        browser: open the page.
        say: is told the address, with the token in it.

    Raises:
        SearchError: something cannot be opened, or the port is taken.
    """
    with listening(port) as bound:
        desk = opened()
        desk.warm()
        token, number = secrets.token_urlsafe(24), bound.getsockname()[1]
        address = f"http://{HOST}:{number}/?token="
        app = app_of(desk, token=token, port=number)
        if desk.data is None:
            say(f"nothing is drawn: {desk.lacking}")
        say(f"open {address}{token}\nfor you alone, on this machine; end it with Ctrl-C")
        if browser:
            webbrowser.open(address + app.ticket())
        server_of(app, say=say).run(sockets=[bound])


class _Server(uvicorn.Server):
    """Says that it was heard: to finish what is being answered may take half a minute."""

    def __init__(self, config: uvicorn.Config, say: Callable[[str], None]) -> None:
        super().__init__(config)
        self._say = say

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On Ctrl-C; uvicorn takes its handler from here."""
        if self.should_exit and sig == signal.SIGINT:
            os._exit(128 + sig)  # a thread that computes cannot be stopped, and there is nothing to be saved
        super().handle_exit(sig, frame)
        with suppress(OSError):  # whoever read this may have gone before
            self._say("ending, after what is being answered; Ctrl-C again ends at once")


def server_of(app: Guard, *, say: Callable[[str], None] = lambda _: None) -> uvicorn.Server:
    """A server that says nothing of itself.

    Args:
        app: what it serves.
        say: is told that the server ends, when it is interrupted.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        ws="none",
        http="h11",  # httptools, where it is installed, takes no address above 64 KiB
        h11_max_incomplete_event_size=ADDRESS,
    )
    return _Server(config, say)
