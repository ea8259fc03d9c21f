"""What can go wrong in a study, each with the exit code of the command that meets it."""

from comma_app.errors import AppError


class StudyError(AppError):
    """A study that cannot be begun or gone on with as asked."""

    exit_code = 2


class PausedError(AppError):
    """Stopped after a piece because the time that was given is over; the same command goes on."""

    exit_code = 4
