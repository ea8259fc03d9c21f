"""How a command of these packages ends."""

import sys
from collections.abc import Callable


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
