"""What can go wrong with data, each with the exit code of the command that meets it."""


class DataError(Exception):
    """Bad data: the message names the record, what is wrong with it and what to do."""

    exit_code = 3


class ConfigError(DataError):
    """A configuration or an argument that cannot be used."""

    exit_code = 2


class CodedError(DataError):
    """Bad data of a kind that can be counted."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["CodedError"], tuple[str, str]]:
        """Made anew in the process that it is sent to."""
        return type(self), (self.code, str(self))


class StructureError(CodedError):
    """A structure that would crash, hang or mislead whatever computes with it."""


class ShardError(DataError):
    """A data set on disk that is damaged, unfinished or not one: the message names the file and the sample."""


class MissingFileError(ShardError):
    """A file of a data set that is not there."""


class LeakError(DataError):
    """A formula, DOI or paragraph that stands on both sides of a split."""


class RefusedError(DataError):
    """More records were refused than the build allows."""


class StorageError(DataError):
    """The disk is full or does not take the file."""

    exit_code = 5


class MissingPackageError(DataError):
    """An optional library is not installed: the message has the pip line."""

    exit_code = 5


class WorkerError(DataError):
    """Processes that should work cannot be started."""

    exit_code = 5


class InterruptedBuildError(DataError):
    """A command was told to stop; what it finished is kept."""

    exit_code = 4
