"""Fault 23: pages of other sites, names that were bound anew, and addresses that ask for files, at the local server."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.served import Server, prepared, running

FAULT = 23
PART = "serve"
WHAT = "requests by foreign hosts, origins, sites and without the token, traversals and addresses: all refused"
SECRET = b"the-content-of-a-file-outside"

Probe = tuple[str, str, bytes | None, dict[str, str | None], tuple[int, ...]]
"""Path, method, body, headers, and the answers that are right."""


def run(*, full: bool, folder: Path) -> Outcome:
    """Ask a running server what it must not answer; a second server counts whether it asked for anything itself."""
    (folder / "secret.txt").write_bytes(SECRET)
    index = prepared(folder, 8)
    with _canary() as (port, asked), running(index) as server:
        known = list(_probes(server, folder, port))
        probes = known if full else known[::6]
        bad = [probe[0] for probe in probes if not _held(server, probe)]
        alive = server.ask("/?q=NaCl")[0] == 200
    bad += [f"asked for {path}" for path in asked] + ([] if alive else ["the server does not answer any more"])
    note = f"requests that the server made itself: {len(asked)}" + (f"; wrong: {', '.join(bad[:5])}" if bad else "")
    lost = min(len(bad), len(probes))
    return Outcome(tried=len(probes), survived=len(probes) - lost, lost=lost, note=note)


def _held(server: Server, probe: Probe) -> bool:
    path, method, body, headers, right = probe
    status, told = server.ask(path, method, body, **headers)
    return status in right and SECRET not in told and b"root:" not in told


def _probes(server: Server, folder: Path, canary: int) -> Iterator[Probe]:
    yield from _by_strangers(server)
    yield from _for_files(folder / "secret.txt", canary)
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
        yield "/", method, None, {}, (400, 405)


def _by_strangers(server: Server) -> Iterator[Probe]:
    """Hosts, origins, sites and cookies that are not ours."""
    pages = ("/", "/?q=NaCl", "/picture/structure/0", "/entry/s-000", "/static/app.js", "/sent")
    for page in pages:
        method, body = ("POST", b"x") if page == "/sent" else ("GET", None)
        for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", "[::1]", "0", ""):
            yield page, method, body, {"Host": host}, (421,)
        for origin in ("http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "file://"):
            yield page, method, body, {"Origin": origin}, (403,)
        for site in ("cross-site", "same-site"):
            yield page, method, body, {"Sec_Fetch_Site": site}, (403,)
        for cookie in (None, f"comma-{server.port}=", f"comma-{server.port}=wrong", "x=y"):
            yield page, method, body, {"Cookie": cookie}, (401,)


def _for_files(outside: Path, canary: int) -> Iterator[Probe]:
    """Addresses, words and files that name a file or another server."""
    ups = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "..%252f", "%c0%ae%c0%ae/")
    for base in ("/", "/static/", "/entry/", "/picture/structure/", "/atlas/"):
        for up in ups:
            yield f"{base}{up * 6}{str(outside).lstrip('/')}", "GET", None, {}, (400, 404)
    for name in (str(outside), f"file://{outside}", f"http://127.0.0.1:{canary}/x", f"//127.0.0.1:{canary}/x"):
        for field in ("q", "file", "like", "source", "data", "path", "url", "index", "atlas", "model"):
            right = (200,) if field in ("q", "source") else (400,)  # a condition without a question asks nothing
            yield f"/?{field}={quote(name)}", "GET", None, {}, right
        yield "/sent", "POST", name.encode(), {"X_Name": "a.cif"}, (400,)
        yield "/sent", "POST", b"data", {"X_Name": quote(name)}, (200, 400)
    entity = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file://{outside}">]><xrdMeasurements>&e;</xrdMeasurements>'
    yield "/sent", "POST", entity.encode(), {"X_Name": "a.xrdml"}, (400,)


class _canary:  # noqa: N801 - used like a function
    """A server that nobody may ask, and the paths that it was asked for."""

    def __enter__(self) -> tuple[int, list[str]]:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_address[1], asked

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
