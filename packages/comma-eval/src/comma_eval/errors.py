"""What can go wrong for a user of the evaluation, each with the exit code of the command that meets it."""


class EvalError(Exception):
    """Base of the errors whose message is meant for the user."""

    exit_code = 1


class UsageError(EvalError):
    """A folder that is not there, an unknown name, or an option that cannot be."""

    exit_code = 2


class NotEmbeddedError(UsageError):
    """The model does not read a modality."""


class SeenError(EvalError):
    """The model has seen what it would be tested on: no score is given."""

    exit_code = 3


class LeakError(EvalError):
    """The data give the answer away, or one thing is learnt from and asked about: no score is given."""

    exit_code = 3


class EmptyTaskError(EvalError):
    """Nothing is left to score; the message says what was looked for."""

    exit_code = 3


class MissingPackageError(EvalError):
    """An extra of the package is not installed; the message gives the line that installs it."""

    exit_code = 5
