"""Gives a planted key to `comma data fetch mp` in many ways, and writes all that is said, one file for each way.

Every message goes to the file: what is printed, what any library logs from DEBUG on, and the traceback with the
variables of every frame below the command, as a crash reporter would show them; only of a slip in the command, which
the command line ends with one line, the message alone. `python -m benchmarks.reliability.secret_probe FOLDER
PORT guarded|naked`; `naked` takes the redaction away, to show that the probe finds a key.
"""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from comma_data.errors import ConfigError
from comma_data.fetch import limits, mp, redact, run
from comma_data.fetch.cli import app
from mp_api.client.routes.materials.summary import SummaryRester

from benchmarks.reliability.faulty_server import KEY

Way = tuple[str, Mapping[str, str], list[str], Any]
"""(name, environment, options, what is broken meanwhile)."""


def ways(folder: Path, port: int) -> Iterator[Way]:
    """Each way that the key may come in or get out."""
    intact = contextlib.nullcontext
    for fault in ("error", "denied", "garbage", "shape", "cut", "elsewhere", "ok"):
        url = f"http://127.0.0.1:{port}/{fault}~1~999~probe/"
        yield f"server-{fault}", {mp.ENDPOINT: url}, _options(folder, fault, "band_gap"), intact()
    good = f"http://127.0.0.1:{port}/ok~1~1~probe/"
    yield "echoed-in-data", {mp.ENDPOINT: good}, _options(folder, "echo", "bulk_modulus"), intact()
    yield "newline", {mp.KEY: f" {KEY}\n", mp.ENDPOINT: good}, _options(folder, "newline"), intact()
    yield "too-long", {mp.KEY: f"{KEY}x", mp.ENDPOINT: good}, _options(folder, "long"), intact()
    yield "as-elements", {mp.ENDPOINT: good}, [*_options(folder, "elements"), "--elements", KEY], intact()
    yield "as-field", {mp.ENDPOINT: good}, _options(folder, "field", KEY), intact()
    yield "as-folder", {mp.ENDPOINT: good}, _options(folder, KEY), intact()
    yield "in-address", {mp.ENDPOINT: f"{good}{KEY}/"}, _options(folder, "address"), intact()
    yield "as-password", {mp.ENDPOINT: f"https://me:{KEY}@example.org/"}, _options(folder, "password"), intact()
    yield "over-http", {mp.ENDPOINT: f"http://example.org/{KEY}"}, _options(folder, "http"), intact()
    client = patch.object(SummaryRester, "search", _crash)
    yield "crash-of-the-client", {mp.ENDPOINT: good}, _options(folder, "crash"), client
    bug = patch.object(run, "add_page", _bug)
    yield "bug-of-ours", {mp.ENDPOINT: good}, _options(folder, "bug"), bug


def _options(folder: Path, out: str, fields: str = "band_gap") -> list[str]:
    return ["mp", "--out", str(folder / "out" / out), "--fields", fields]


def _crash(client: Any, **_: object) -> None:
    headers = dict(client.session.headers)
    logging.getLogger("mp_api").error("sending %s", headers)
    raise RuntimeError(f"cannot send {headers}")


def _bug(*_: object) -> None:
    raise TypeError("a bug of ours")


def probe(folder: Path, way: Way) -> None:
    """Try one way, and write what it says."""
    name, environment, options, broken = way
    with (
        (folder / f"{name}.log").open("w") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
        patch.dict(os.environ, {mp.KEY: KEY, **environment}),
        broken,
    ):
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        try:
            app(options, standalone_mode=False)
        except ConfigError as error:  # a slip in the command ends in its message
            print(f"error: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, what it shows is looked at
            shown = traceback.TracebackException.from_exception(error, capture_locals=True)
            print(f"error: {error}", *_below(shown, "cli.py"), sep="\n")
        finally:
            logging.getLogger().removeHandler(handler)


def _below(shown: traceback.TracebackException, name: str) -> list[str]:
    """The formatted traceback without the frames above the command, which hold what this probe put in."""
    own = [i for i, frame in enumerate(shown.stack) if frame.filename.endswith(f"fetch/{name}")]
    shown.stack = traceback.StackSummary.from_list(shown.stack[own[0] + 1 :] if own else [])
    return list(shown.format())


def naked(_: Any, text: str) -> str:
    """Instead of `Secret.redact`."""
    return text


def passed_on(call: Callable[[], Any], _: Any) -> Any:
    """Instead of `guarded`."""
    return call()


def main() -> None:
    """Try every way."""
    folder, port, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    logging.getLogger().setLevel(logging.DEBUG)
    quick = partial(limits.Limits, interval=0, attempts=2, first_wait=0.01, request_seconds=1)
    with patch.object(limits, "Limits", quick), contextlib.ExitStack() as stack:
        if how == "naked":
            stack.enter_context(patch.object(redact.Secret, "redact", naked))
            stack.enter_context(patch.object(mp, "guarded", passed_on))
        for way in ways(folder, port):
            probe(folder, way)


if __name__ == "__main__":
    main()
