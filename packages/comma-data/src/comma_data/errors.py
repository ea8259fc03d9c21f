"""What can go wrong with data, each with the exit code of the command that meets it."""


class DataError(Exception):
    """Bad data: the message names the record, what is wrong with it and what to do."""

    exit_code = 3


class ConfigError(DataError):
    """A configuration or an argument that cannot be used."""

    exit_code = 2


class StructureError(DataError):
    """A structure that would crash, hang or mislead whatever computes with it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ShardError(DataError):
    """A data set on disk that is damaged, unfinished or not one: the message names the file and the sample."""


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
