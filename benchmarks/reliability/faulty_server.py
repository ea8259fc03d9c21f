"""The server with faults that the tests of comma-data use, in a process of its own, and fetching from it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from comma_data.fetch import mp, optimade
from comma_data.fetch.limits import Limits, Patience
from comma_data.fetch.page import Query
from comma_data.fetch.run import fetch
from comma_data.fetch.store import Journal

SCRIPT = Path(__file__).parents[2] / "packages" / "comma-data" / "tests" / "faulty_api.py"
KEY = "planted0KEY1planted2KEY3planted4"
"""32 characters, as the Materials Project's keys have; it opens nothing."""


@contextmanager
def faulty_server() -> Iterator[int]:
    """The port of the running server, on 127.0.0.1 and 127.0.0.2."""
    with subprocess.Popen([sys.executable, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("the pipes that were asked for are not there")
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


def ask(api: str, url: str, out: Path, limits: Limits, *, page: int = 5) -> Journal:
    """Fetch everything from it; `MP_API_KEY` has to be set for the API `mp`."""
    fields = ("band_gap",) if api == "mp" else ("_x_band_gap",)
    query = Query(origin=api, url=url, fields=fields, page=page)
    patience = Patience(limits=limits)
    connect = partial(mp.connect, query, mp.key()) if api == "mp" else partial(optimade.connect, query)
    return fetch(query, partial(connect, patience), out, patience=patience)


def main() -> None:
    """Fetch by OPTIMADE, one record a page, without waiting; says when it begins. Started to be killed."""
    url, out = sys.argv[1:]
    print("begins", flush=True)
    ask("optimade", url, Path(out), Limits(interval=0), page=1)


if __name__ == "__main__":
    main()
