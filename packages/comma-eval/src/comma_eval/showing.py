"""What the commands print: facts and tables for a person, one document for a program."""

import sys
from collections.abc import Mapping
from pathlib import Path

import typer
from comma_data.storage import check_file, complete_file, ensure_folder
from rich.console import Console

from comma_eval.errors import UsageError
from comma_eval.report import Grid, markdown_of, table

WIDTH = 160
"""Columns of a table that is written into a file or a pipe."""


def check_grid_file(out: Path | None) -> None:
    """Refuse, before any work is done, a file that `show_grid` could not write.

    Raises:
        StorageError: no file can be there.
        UsageError: its ending asks for a form that there is not.
    """
    if out is None:
        return
    if out.suffix not in (".json", ".md"):
        raise UsageError(f"--out {out}: this is written as .json or .md")
    check_file(out)


def show_grid(grid: Grid, document: str, facts: Mapping[str, object], *, json: bool, out: Path | None) -> None:
    """Print one table below its facts, or the document, and write it where a file is named."""
    if json:
        typer.echo(document)
    else:
        screen = console()
        tell(screen, facts)
        screen.print(table(grid))
    if out:
        write(markdown_of(grid) if out.suffix == ".md" else document, out)


def tell(screen: Console, facts: Mapping[str, object]) -> None:
    """One fact a line."""
    if facts:
        screen.print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n", markup=False)


def console() -> Console:
    """Where tables are drawn: as wide as the terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def write(text: str, out: Path) -> None:
    """Write a file, whole or not at all, and the folder that it lies in.

    Raises:
        StorageError: it cannot be written.
    """
    ensure_folder(out.parent)
    with complete_file(out) as file:
        file.write((text.rstrip("\n") + "\n").encode())
    typer.echo(f"wrote {out}", err=True)
