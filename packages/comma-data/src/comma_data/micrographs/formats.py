"""Which reader takes which file."""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePosixPath

from comma_data.micrographs.frame import Frame, ImageError
from comma_data.micrographs.hdf5 import read_hdf5
from comma_data.micrographs.mrc import read_mrc
from comma_data.micrographs.raster import read_raster
from comma_data.micrographs.rosetta import READERS, read_rosetta
from comma_data.micrographs.tiff import read_tiff
from comma_data.pool import TooSlowError

Reader = Callable[[bytes], tuple[Frame, ...]]

FORMATS: Mapping[str, Reader] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), read_raster),
    **dict.fromkeys((".tif", ".tiff"), read_tiff),
    **dict.fromkeys((".mrc", ".mrcs"), read_mrc),
    **dict.fromkeys((".emd", ".h5", ".hdf5"), read_hdf5),
    **{ending: partial(read_rosetta, ending=ending) for ending in READERS},
}
"""Ending in lower case -> what reads it."""
ENDINGS = tuple(FORMATS)


def read_frames(name: str, data: bytes) -> tuple[Frame, ...]:
    """The images of a file, by its ending; at least one.

    Raises:
        ImageError: With the reader's code, or `unreadable` for whatever a damaged file makes a library raise.
    """
    reader = FORMATS[PurePosixPath(name).suffix.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries warn of what is a refusal here, or of no concern
            return reader(data)
    except (ImageError, TooSlowError, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise ImageError("unreadable", f"{type(error).__name__}: {error}"[:300]) from error
