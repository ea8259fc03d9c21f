"""Fault 24: texts of data and of questions that a page could take for markup or program."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.served import Server, hostile, prepared, running

FAULT = 24
PART = "serve"
WHAT = "hostile texts in every field of data and questions, in a real Chromium: nothing runs, nothing outside is asked"
FIELDS = ("q", "elements", "only", "without", "source", "low", "like", "file")
PAYLOADS = 100
PROGRAMS = ("chromium",)
"""What has to be installed."""


def run(*, full: bool, folder: Path) -> Outcome:
    """Open every page with every text, and look whether anything of it ran or was asked for."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: a real Chromium is needed: install the package chromium")
    count = PAYLOADS if full else 6
    texts = hostile().payloads(count)
    index = prepared(folder, count)
    atlas = _atlas(index, folder)
    bad: list[str] = []
    tried = 0
    with running(index, "--atlas", str(atlas)) as server, sync_playwright() as session:
        browser = session.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        outside: list[str] = []
        page.on("request", lambda request: outside.append(request.url) if _foreign(request.url, server) else None)
        page.goto(f"http://{server.host}/?token={server.token}")
        for address in [*_questions(texts), *_data(count)]:
            tried += 1
            bad += _opened(page, f"http://{server.host}{address}", outside)
        for number, text in enumerate(texts):
            tried += 1
            bad += _dropped(page, server, text, number, outside)
        for where in (atlas.as_uri(), f"http://{server.host}/atlas"):
            tried += 1
            bad += _opened(page, where, outside, ready=where.startswith("file"))
        browser.close()
    note = f"{count} texts in {len(FIELDS)} fields of a question, as names of files, and in 9 fields of every entry"
    return Outcome(tried=tried, survived=tried - len(bad), lost=len(bad), note=note + "; ".join(["", *bad[:3]]))


def _atlas(index: Path, folder: Path) -> Path:
    from comma_explorer.atlas.collect import collect
    from comma_explorer.atlas.page import write

    write(collect(index), folder / "atlas.html")
    return folder / "atlas.html"


def _questions(texts: list[str]) -> Iterator[str]:
    for text in texts:
        for field in FIELDS:
            words = "" if field == "q" else "q=NaCl&"
            more = "&target=gap" if field == "low" else ""
            yield f"/?{words}{field}={quote(text)}{more}&n=1"


def _data(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"/entry/s-{number:03d}"
        yield f"/?like=text:{number}&n=3"
        yield f"/picture/structure/{number}"


def _opened(page: Any, address: str, outside: list[str], *, ready: bool = False) -> list[str]:
    """What was wrong with a page."""
    outside.clear()
    page.goto(address, wait_until="load")
    if ready:
        page.wait_for_function("document.documentElement.dataset.ready", timeout=120_000)
    return _wrong(page, address, outside)


def _dropped(page: Any, server: Server, text: str, number: int, outside: list[str]) -> list[str]:
    """A file of that name and content, which cannot be read: the page says so."""
    outside.clear()
    page.goto(f"http://{server.host}/")
    name = text.replace("/", "-").replace("\x00", "")[:80] + ".cif"
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": text.encode()})
    page.wait_for_selector("#problem:not([hidden])")
    return _wrong(page, f"file {number}", outside)


def _wrong(page: Any, where: str, outside: list[str]) -> list[str]:
    ran = page.evaluate("window.__pwned !== undefined")
    return [f"{where[:80]}: {'it ran' if ran else f'asked for {outside[0]}'}"] if ran or outside else []


def _foreign(url: str, server: Server) -> bool:
    return not url.startswith((f"http://{server.host}/", "data:", "blob:", "file:"))
