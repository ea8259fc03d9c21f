"""Files of an index, read with their checksums verified."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from comma_data.manifest import file_sha256

from comma_explorer.search.errors import DamagedIndexError
from comma_explorer.search.manifest import File


def verify(folder: Path, files: Mapping[str, File]) -> None:
    """Compare size and sha256 of every file.

    Raises:
        DamagedIndexError: A file is missing or another than the one that was written.
    """
    for name, told in files.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise DamagedIndexError(f"{path} is missing; copy the whole index again, or build it again")
        if path.stat().st_size != told.bytes or file_sha256(path) != told.sha256:
            raise DamagedIndexError(f"{path} is damaged: its sha256 is not that of the manifest; build the index again")


def array(path: Path) -> np.ndarray:
    """A memory-mapped array; never a pickle.

    Raises:
        DamagedIndexError: It cannot be read.
    """
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DamagedIndexError(f"{path} cannot be read ({error}); build the index again") from error
    return mapped


def table(path: Path) -> pa.Table:
    """A Parquet table.

    Raises:
        DamagedIndexError: It cannot be read.
    """
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DamagedIndexError(f"{path} cannot be read ({error}); build the index again") from error
