"""Fault 3: pickles, code and commands in shards and addresses."""

import io
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from comma_data.check import check
from comma_data.errors import DataError
from comma_data.shards import ShardSet

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.small_sets import made, with_member

FAULT = 3
WHAT = "pickles, object arrays and code as members, and commands as addresses: refused, nothing runs"
EXTENSIONS = ("pyd", "pickle", "pkl", "pth", "image-0.pixels.npy", "sample.json", "text.json")


class _Canary:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.path),)


def run(*, full: bool, folder: Path) -> Outcome:  # noqa: ARG001 - it is small
    """Try every kind of member and every kind of address; the canary is a folder that running code would make."""
    canary = folder / "canary"
    payload = pickle.dumps(_Canary(canary))
    pickle.loads(payload)  # noqa: S301 - the proof that the canary sings
    if not canary.is_dir():
        raise AssertionError("the payload does nothing: the trial would prove nothing")
    canary.rmdir()
    contents = [(name, _content(name, payload, canary)) for name in EXTENSIONS]
    trials = [partial(_member, folder / f"set-{i}", *content) for i, content in enumerate(contents)]
    command = f"mkdir {canary}"
    addresses = [f"pipe:{command}", f"pipe:{command} |", "file:///etc/hostname", "ftp://localhost/x", "gopen:x"]
    addresses.append("http://example.org/x")
    trials += [partial(_refused, partial(ShardSet, address)) for address in addresses]
    os.environ["GOPEN_REWRITE"] = f"{folder}=pipe:{command} "
    trials += [partial(_reads, made(folder / "rewritten"))]
    good = [trial() and not canary.exists() for trial in trials]
    del os.environ["GOPEN_REWRITE"]
    return Outcome(
        tried=len(good),
        survived=sum(good),
        lost=len(good) - sum(good),
        note=f"{len(EXTENSIONS)} kinds of members, {len(addresses)} addresses, GOPEN_REWRITE; canary proven first",
    )


def _content(name: str, payload: bytes, canary: Path) -> bytes:
    if not name.endswith(".npy"):
        return payload
    buffer = io.BytesIO()
    np.save(buffer, np.array([_Canary(canary)], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _member(folder: Path, extension: str, content: bytes) -> bool:
    made(folder)
    with_member(folder, extension, content)
    data = ShardSet(folder)
    reported = bool(check(folder)[0])
    return reported and _refused(lambda: data[0]) and _refused(lambda: next(iter(data.stream())))


def _refused(action: Callable[[], object]) -> bool:
    with suppress(DataError):
        action()
        return False
    return True


def _reads(folder: Path) -> bool:
    return len(list(ShardSet(folder))) == 40
