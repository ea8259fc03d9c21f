"""The base of what can go wrong in this package's own commands."""


class AppError(Exception):
    """An error whose message is meant for the user, with the exit code of the command that meets it."""

    exit_code = 1
