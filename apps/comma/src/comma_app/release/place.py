"""The folder of a release: complete under its name, or not there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from comma_data.storage import check_folder, ensure_folder

from comma_app.release.errors import ReleaseError


def refuse_existing(out: Path) -> None:
    """Refuse a folder that is there, before any work is done for it.

    Raises:
        ReleaseError: there is something of this name.
        comma_data.errors.StorageError: a folder cannot be made there.
    """
    if out.exists():
        raise ReleaseError(f"{out} is there already; give another --out, or remove it first")
    check_folder(out)


def unfinished(out: Path) -> Path:
    """Where a release is made before it takes its name."""
    return out.with_name(f".{out.name}.unfinished")


@contextmanager
def made_whole(out: Path) -> Iterator[Path]:
    """An empty folder that takes the name when the block ends well, and is removed when it does not."""
    place = unfinished(out)
    shutil.rmtree(place, ignore_errors=True)
    ensure_folder(place)
    try:
        yield place
        place.rename(out)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
