"""What the commands print: facts and tables for a person, one document for a program."""

import sys
from collections.abc import Mapping
from pathlib import Path

import typer
from rich.console import Console

from comma_eval.report import Grid, markdown_of, table

WIDTH = 160
"""Columns of a table that is written into a file or a pipe."""


def show_grid(grid: Grid, document: str, facts: Mapping[str, object], *, json: bool, out: Path | None) -> None:
    """Print one table below its facts, or the document, and write it where a file is named."""
    if out:
        write(markdown_of(grid) if out.suffix == ".md" else document, out)
    if json:
        typer.echo(document)
        return
    screen = console()
    tell(screen, facts)
    screen.print(table(grid))


def tell(screen: Console, facts: Mapping[str, object]) -> None:
    """One fact a line."""
    if facts:
        screen.print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n", markup=False)


def console() -> Console:
    """Where tables are drawn: as wide as the terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def write(text: str, out: Path) -> None:
    """Write a file, and the folder that it lies in."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    typer.echo(f"wrote {out}", err=True)
