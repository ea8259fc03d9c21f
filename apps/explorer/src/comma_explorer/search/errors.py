"""What can go wrong for someone who searches, each with the exit code of the command that meets it."""


class SearchError(Exception):
    """A question, an option or an index that cannot be used: the message says what to do."""

    exit_code = 2


class DamagedIndexError(SearchError):
    """A file of an index that is missing, cut short or changed."""

    exit_code = 3


class RefusedValuesError(SearchError):
    """More values than allowed could not be embedded."""

    exit_code = 3
