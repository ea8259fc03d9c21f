"""How a command of these packages is read, and how it ends."""

import sys
from collections.abc import Callable
from typing import Any

from typer.core import TyperGroup


def group(default: str) -> type[TyperGroup]:
    """The class of a group one of whose commands goes without its name: `comma study NAME` for `comma study run NAME`.

    Args:
        default: the command that is meant where the first word is the name of none.
    """

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            """Put the default in front."""
            if args and args[0] not in (*self.commands, "--help"):
                args = [default, *args]
            return super().parse_args(ctx, args)

    return Group


def run(app: Callable[[], object]) -> None:
    """Call an app. A fault that is the user's to mend ends in one message and its exit code, not in a traceback.

    Such a fault is an exception with a whole number as `exit_code`, as the errors of every package have; any other is a
    bug and comes through.
    """
    try:
        app()
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if not isinstance(code, int):
            raise
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is what a command says
        sys.exit(code)
