"""The data set behind an index: to search it is not needed, to show a structure it is."""

from pathlib import Path

from comma_data.errors import DataError
from comma_data.shards import ShardSet

from comma_explorer.search.errors import SearchError
from comma_explorer.search.index import Index


def data_of(index: Index, folder: Path | None = None) -> ShardSet | None:
    """The data set of an index.

    Args:
        index: the index.
        folder: where it is; None looks where the index was built from.

    Returns:
        None where nobody said where it is, and it is not where it was.

    Raises:
        SearchError: the folder that was given holds another data set, or none.
    """
    told = index.manifest.data
    try:
        shards = ShardSet(folder or told.place)
    except DataError as error:
        if folder is None:
            return None
        raise SearchError(f"{folder}: {error}") from error
    if shards.manifest.data_hash != told.data_hash:
        if folder is None:
            return None
        raise SearchError(f"{folder} is another data set than the one that {index.folder} was built of")
    return shards
