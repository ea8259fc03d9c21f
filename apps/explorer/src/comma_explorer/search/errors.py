"""What can go wrong for someone who searches, each with the exit code of the command that meets it."""


class SearchError(Exception):
    """A question, an option or an index that cannot be used: the message says what to do."""

    exit_code = 2


class UntoldError(SearchError):
    """It cannot be told what a query is, or it is nothing that the model knows."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Keep them apart: the remedy is an option of the command, and a page has another."""
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem


class AbsentError(SearchError):
    """What is asked for by its name or number is not there."""


class NoDataError(AbsentError):
    """The data set of an index is not where it was, or was changed: nothing of it can be drawn."""


class DamagedIndexError(SearchError):
    """A file of an index that is missing, cut short or changed."""

    exit_code = 3


class RefusedValuesError(SearchError):
    """More values than allowed could not be embedded."""

    exit_code = 3
