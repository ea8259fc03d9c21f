"""What can go wrong for a user of the encoders, each with the exit code of the command that meets it."""


class EncoderError(Exception):
    """Base of the errors whose message is meant for the user."""

    exit_code = 1


class UsageError(EncoderError):
    """An unknown name or an option that cannot be."""

    exit_code = 2


class InputError(EncoderError):
    """A value that cannot be encoded: the message names it and the remedy."""

    exit_code = 3


class KindError(InputError):
    """A value of a type that the modality does not take at all."""


class NotFiniteError(InputError):
    """A value whose vector holds a NaN or an infinite number."""


class MissingDependencyError(EncoderError):
    """A package that is needed is not installed, or cannot be imported."""

    exit_code = 5
