"""Progress for people: a bar on a terminal, elsewhere a plain line every few seconds. Always on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY = 5.0
"""Seconds between two plain lines."""


class Advance(Protocol):
    """Tell how far it is."""

    def __call__(self, step: int, note: str) -> None:
        """`step` of the total is done; `note` says how it goes."""
        ...


@contextmanager
def bar(total: int, done: int, *, quiet: bool = False) -> Iterator[Advance]:
    """Show progress over `total` steps of which `done` were done before; nothing at all if `quiet`."""
    console = Console(stderr=True)
    if quiet:
        yield lambda step, note: None  # noqa: ARG005  the signature of Advance
    elif console.is_terminal:
        columns = (
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"),
            TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("", total=total, completed=done)
            yield lambda step, note: progress.update(task, completed=step, description=note)
    else:
        yield _plain(total)


def _plain(total: int) -> Advance:
    """Lines that a log file can hold."""
    last = time.monotonic()

    def advance(step: int, note: str) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY or step == total:
            last = time.monotonic()
            print(f"step {step}/{total}  {note}", file=sys.stderr, flush=True)

    return advance


def tell(message: str) -> None:
    """Say something that is no progress."""
    print(message, file=sys.stderr, flush=True)
