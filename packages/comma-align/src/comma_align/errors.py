"""What can go wrong in a training run, each with the exit code of the command that meets it."""


class AlignError(Exception):
    """Base of the errors whose message is meant for the user."""

    exit_code = 1


class RunError(AlignError):
    """A run that cannot be started or resumed as asked."""

    exit_code = 2


class EmptyError(AlignError):
    """Nothing to learn from: no sample, or no pair."""

    exit_code = 3


class DivergedError(AlignError):
    """The loss or a gradient is not finite any more."""

    exit_code = 1


class Interrupted(AlignError):  # noqa: N818  not a fault: the run goes on when it is started again
    """Stopped by a signal after a checkpoint."""

    exit_code = 4
