"""Fetching from a server with faults: every fault ends in a typed error in time, and nothing is lost or doubled."""

import json
import os
import subprocess
import sys
import tarfile
import time
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from comma_data.errors import ConfigError, DataError
from comma_data.fetch import mp, optimade
from comma_data.fetch.errors import FetchError, StoppedError
from comma_data.fetch.limits import Limits, Patience
from comma_data.fetch.page import Query
from comma_data.fetch.run import fetch
from comma_data.fetch.store import JOURNAL
from comma_data.sources import structures

KEY = "abcdefgh0123456789ABCDEFGHIJKLMN"
FEW = Limits(
    interval=0, request_seconds=0.3, body_bytes=2**20, attempts=3, first_wait=0.01, longest_wait=0.05, total_seconds=20
)
PERSISTENT = {
    "busy": "status-429",
    "later": "status-429",
    "error": "status-500",
    "denied": "status-403",
    "cut": "connection",
    "drip": "too-slow",
    "drip-head": "too-slow",
    "huge": "too-large",
    "huge-chunked": "too-large",
    "bomb": "too-large",
    "elsewhere": "other-host",
}
"""Fault of the server -> code of the error that it ends in."""
OWN = {
    "garbage": ("client-failed", "bad-json"),
    "deep": ("client-failed", "bad-json"),
    "shape": ("client-failed", "bad-page"),
    "circle": ("client-failed", "redirects"),
}
"""As above, where the client of the Materials Project says it in its own way."""


@pytest.fixture(scope="session")
def port():
    script = Path(__file__).with_name("faulty_api.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield int(server.stdout.readline())
        server.stdin.close()


@pytest.fixture(params=["mp", "optimade"])
def api(request, monkeypatch):
    """Name of an API."""
    if request.param == "mp":
        pytest.importorskip("mp_api", reason="mp-api is not installed: pip install 'comma-data[mp]'")
        monkeypatch.setenv(mp.KEY, KEY)
    return request.param


def ask(api, port, scenario, out, limits=FEW, **changes):
    """Fetch four pages, 25 records."""
    fields = ("band_gap",) if api == "mp" else ("_x_band_gap",)
    url = f"http://127.0.0.1:{port}/{scenario}~{out.name}/"
    query = Query(**{"origin": api, "url": url, "fields": fields, "page": 8, **changes})
    patience = Patience(limits=limits)
    connect = partial(mp.connect, query, mp.key()) if api == "mp" else partial(optimade.connect, query)
    return fetch(query, partial(connect, patience), out, patience=patience)


def content(folder):
    """What a fetch has left, but for the address of the server."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    journal = json.loads(files.pop(JOURNAL))
    return files, {**journal, "query": {}, "started": ""}


def seen(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}/seen") as answer:
        return json.load(answer)["seen"]


@pytest.fixture(scope="session")
def wholes():
    """Name of an API -> the folder of an undisturbed fetch."""
    return {}


@pytest.fixture
def whole(api, port, tmp_path_factory, wholes):
    """An undisturbed fetch."""
    if api not in wholes:
        wholes[api] = tmp_path_factory.mktemp(api) / f"whole-{api}"
        ask(api, port, "ok~1~1", wholes[api])
    return wholes[api]


def test_what_is_fetched_is_read_by_the_structures_source(whole):
    records = list(structures.read(whole))
    gaps = [value for record in records for name, value in record.targets.items() if name.endswith("band_gap")]
    assert [len(records), len({record.key for record in records})] == [25, 25]
    assert gaps in ([n / 10 for n in range(1, 26)], [n / 10 for n in range(2, 26)])  # one has no gap in one API
    assert records[3].value["cell"].diagonal() == pytest.approx([5.04] * 3)
    assert {record.formula for record in records} == {"NaCl"}


def test_a_complete_folder_is_left_alone(api, port, whole):
    before = seen(port, f"ok~1~1~{whole.name}")
    journal = ask(api, port, "ok~1~1", whole)
    assert journal.complete
    assert seen(port, f"ok~1~1~{whole.name}") == before > 3


@pytest.mark.parametrize("limit", [1, 8, 11, 99])
def test_no_more_than_the_limit_is_stored(port, tmp_path, limit):
    assert ask("optimade", port, "ok~1~1", tmp_path / "some", limit=limit).stored == min(limit, 25)


@pytest.mark.parametrize("fault", [*PERSISTENT, *OWN])
def test_a_fault_that_stays_is_a_typed_error_in_time(api, port, tmp_path, fault):
    start, elsewhere = time.monotonic(), seen(port, "elsewhere")
    with pytest.raises(FetchError) as caught:
        ask(api, port, f"{fault}~2~999", tmp_path / "out")
    assert time.monotonic() - start < 5 + FEW.attempts * FEW.request_seconds
    assert caught.value.code == (PERSISTENT.get(fault) or OWN[fault][api == "optimade"])
    assert seen(port, "elsewhere") == elsewhere
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fault", ["busy", "cut", "drip-head", "elsewhere", "garbage"])
def test_after_a_fault_the_same_command_ends_with_the_same_files(api, port, tmp_path, whole, fault):
    out = tmp_path / "out"
    for _ in range(8):
        try:
            ask(api, port, f"{fault}~3~6", out)
        except FetchError:
            continue
    assert content(out) == content(whole)


@pytest.mark.parametrize(("fault", "code"), [("link", "other-host"), ("itself", "circle")])
def test_next_links_are_followed_on_the_same_host_only_and_not_in_a_circle(port, tmp_path, fault, code):
    with pytest.raises(FetchError) as caught:
        ask("optimade", port, f"{fault}~2~99", tmp_path / "out")
    assert caught.value.code == code


def test_a_server_that_asks_for_a_long_wait_ends_the_run_at_once(port, tmp_path):
    with pytest.raises(FetchError, match="429"):
        ask("optimade", port, "later~1~99", tmp_path / "out")
    assert seen(port, "later~1~99~out") == 1


def test_the_run_ends_when_its_time_is_over(port, tmp_path):
    limits = Limits(interval=0.2, total_seconds=0.5)
    with pytest.raises(StoppedError) as caught:
        ask("optimade", port, "ok~1~1", tmp_path / "out", limits)
    assert caught.value.exit_code == 4
    assert ask("optimade", port, "ok~1~1", tmp_path / "out").stored == 25


def test_a_damaged_page_is_found(port, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(FetchError):
        ask("optimade", port, "denied~3~3", out)
    page = out.with_name("out.fetching") / "structures-00001.tar"
    page.write_bytes(page.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="not as it was written"):
        ask("optimade", port, "denied~3~3", out)


@pytest.mark.parametrize("change", [{"elements": ("Na",)}, {"limit": 3}, {"fields": ()}])
def test_another_query_needs_another_folder(port, tmp_path, change):
    ask("optimade", port, "ok~1~1", tmp_path / "out")
    with pytest.raises(ConfigError, match=next(iter(change))):
        ask("optimade", port, "ok~1~1", tmp_path / "out", **change)


def test_a_folder_of_somebody_else_is_left_alone(port, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="was not fetched"):
        ask("optimade", port, "ok~1~1", tmp_path)


def test_the_count_asks_with_the_conditions_of_the_search(api, port, tmp_path, monkeypatch):
    if api != "mp":
        pytest.skip("a matter of the Materials Project's client")
    asked = []
    from comma_data.fetch import http

    send = http._Guard.send
    monkeypatch.setattr(http._Guard, "send", lambda *a, **k: asked.append(a[1].url) or send(*a, **k))
    ask(api, port, "ok~1~1", tmp_path / "out", elements=("Na", "Cl"))
    queries = [url.partition("?")[2].split("&") for url in asked if "summary" in url]
    conditions = [{part for part in query if not part.startswith("_")} for query in queries]
    assert len(conditions) > 2
    assert all(found == conditions[0] and len(found) == 3 for found in conditions)


def test_pages_hold_no_time_and_no_owner(whole):
    for path in whole.glob("*.tar"):
        with tarfile.open(path) as tar:
            assert {(m.mtime, m.uid, m.uname) for m in tar} == {(0, 0, "")}


def test_the_key_is_asked_for_by_name(monkeypatch):
    for value in ("", "short", "with space" * 3 + "ab"):
        monkeypatch.setenv(mp.KEY, value)
        with pytest.raises(ConfigError, match=mp.KEY) as caught:
            mp.key()
        assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://example.org/", "https://me:pass@example.org/", "ftp://example.org", "nonsense"]
)
def test_the_key_goes_over_https_only(monkeypatch, url):
    monkeypatch.setitem(os.environ, mp.ENDPOINT, url)
    with pytest.raises(ConfigError) as caught:
        mp.endpoint()
    assert "pass" not in str(caught.value).replace("password", "")
