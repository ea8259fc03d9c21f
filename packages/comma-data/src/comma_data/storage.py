"""Files that are either complete under their name or not there."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from comma_data.errors import StorageError

PART = ".part"
"""Ending of a file that is still being written."""


@contextmanager
def complete_file(path: Path, *, needed: int | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file that takes its name, synced, when the block ends well, and is removed when it does not.

    Args:
        path: The file.
        needed: Bytes that it will have, where that is known, for messages.

    Raises:
        StorageError: The disk is full or does not take the file.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"{path}: {_reason(error, needed)}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def ensure_room(path: Path, needed: int) -> None:
    """Refuse to begin a file that the disk cannot hold.

    Args:
        path: The file; its folder is there.
        needed: Bytes.

    Raises:
        StorageError: Less is free; the message names the file, the bytes needed and the bytes free.
    """
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StorageError(
            f"{path}: no room: {needed:,} bytes are needed, {free:,} are free; free some space or choose another folder"
        )


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can sync a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError, needed: int | None) -> str:
    size = "" if needed is None else f", {needed:,} bytes are needed"
    if errno.errorcode.get(error.errno or 0) in {"ENOSPC", "EDQUOT", "EFBIG"}:
        return f"no room ({error.strerror}){size}: free some space or choose another folder"
    return f"cannot be written ({error.strerror}): check that the folder exists and is yours"
