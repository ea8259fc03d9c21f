"""The command `comma`: the sub-commands of all installed packages under one name."""

import sys
from importlib.metadata import entry_points

import typer

GROUP = "comma.commands"
"""Entry points of this group are Typer apps; each package brings its own, so options are released with their code."""


def make_app() -> typer.Typer:
    """The app with every installed package's commands."""
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, help="Align crystals, protocols, images and patterns."
    )
    app.callback()(_options)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        app.add_typer(entry.load(), name=entry.name)
    return app


def _options(
    version: bool = typer.Option(
        False,
        "--version",
        callback=lambda asked: _print_versions() if asked else None,
        is_eager=True,
        help="Print the versions of all parts.",
    ),
) -> None:
    """The option is done when it is read: `comma --version` needs no command."""


def _print_versions() -> None:
    print(_versions())
    raise typer.Exit


def _versions() -> str:
    from importlib.metadata import version

    parts = ("comma-materials", "comma-data", "comma-encoders", "comma-align", "comma-eval")
    return "\n".join(f"{part} {version(part)}" for part in parts)


def main() -> None:
    """Run the command. A fault that is the user's to mend ends in one message and its exit code, not in a traceback."""
    try:
        make_app()()
    except Exception as error:
        # every package gives the errors that are meant for users an exit code; anything else is a bug
        code = getattr(error, "exit_code", None)
        if not isinstance(code, int):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(code)
