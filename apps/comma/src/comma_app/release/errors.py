"""What can go wrong in a release, each with the exit code of the command that meets it."""

from comma_app.errors import AppError


class ReleaseError(AppError):
    """What cannot be released as asked."""

    exit_code = 2


class UnfinishedRunError(ReleaseError):
    """A run without the model that it shall end with."""


class ResultError(ReleaseError):
    """A file of figures that cannot be read as one."""

    exit_code = 3


class ForeignResultError(ResultError):
    """Figures of another model, or of one that they do not name by its weights."""
