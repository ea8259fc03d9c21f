"""A progress bar on a terminal, and nothing elsewhere. Always on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONG = 256
"""Shorter lists are done before a bar would be read."""


def _ignore(_done: int) -> None:
    """Tell nobody."""


@contextmanager
def bar(label: str, total: int | None, *, show: bool | None = None) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of values that are newly done.

    Args:
        label: what is done, e.g. `structure`.
        total: values in all; None where nobody knows.
        show: True or False decides; None shows a bar on a terminal for more than `LONG` values or an unknown number.
    """
    from rich.console import Console  # noqa: PLC0415  a tenth of a second, only where values are encoded

    console = Console(stderr=True)
    wanted = (total is None or total > LONG) if show is None else show
    if not (wanted and console.is_terminal):
        yield _ignore
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.advance(task, done)
