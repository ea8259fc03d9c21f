"""The command `comma`: the sub-commands of all installed packages under one name."""

from contextlib import suppress
from importlib.metadata import entry_points

import typer

from comma_app.release.cli import app as release
from comma_app.study.cli import app as study

GROUP = "comma.commands"
"""Entry points of this group are Typer apps; each package brings its own, so options are released with their code."""
PARTS = ("comma-materials", "comma-data", "comma-encoders", "comma-align", "comma-eval", "comma-explorer")
"""Distributions whose versions are printed."""


def make_app() -> typer.Typer:
    """The app with every installed package's commands."""
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, help="Align crystals, protocols, images and patterns."
    )
    app.callback()(_options)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        _mount(app, entry.load(), entry.name)
    app.add_typer(study, name="study")
    app.add_typer(release, name="release")
    return app


def _mount(app: typer.Typer, part: typer.Typer, name: str) -> None:
    """Put a package's app under a name; one of a single command is that command."""
    commands = part.registered_commands
    single = len(commands) == 1 and not part.registered_groups and not part.registered_callback
    if single and (callback := commands[0].callback):
        app.command(name, help=commands[0].help, no_args_is_help=commands[0].no_args_is_help)(callback)
    else:
        app.add_typer(part, name=name)


def _options(
    version: bool = typer.Option(
        False,
        "--version",
        callback=lambda asked: _print_versions() if asked else None,
        is_eager=True,
        help="Print the versions of the installed parts.",
    ),
) -> None:
    """The option is done when it is read: `comma --version` needs no command."""


def _print_versions() -> None:
    print(_versions())
    raise typer.Exit


def _versions() -> str:
    """Of the parts that are installed, one a line."""
    from importlib.metadata import PackageNotFoundError, version

    lines = []
    for part in PARTS:
        with suppress(PackageNotFoundError):
            lines.append(f"{part} {version(part)}")
    return "\n".join(lines)


def main() -> None:
    """Run the command; a user's mistake ends with one message and its exit code."""
    from comma_data.command import run

    run(_made)


def _made() -> None:
    make_app()()
