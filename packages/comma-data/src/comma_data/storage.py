"""Files that are either complete under their name or not there."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from comma_data.errors import ConfigError, StorageError

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

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
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageError(f"{path}: {_reason(error, needed)}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def check_folder(path: Path) -> None:
    """Refuse a place where no folder can be, before any work is done for it.

    Raises:
        StorageError: It, or the first of its parents that is there, is no folder or not ours to write to.
    """
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise StorageError(f"{path}: {there} is no folder that can be written; give another --out")


def check_file(path: Path) -> None:
    """Refuse a place where no file can be, before any work is done for it.

    Raises:
        StorageError: It is a folder, or none can be where it would lie.
    """
    if path.is_dir():
        raise StorageError(f"{path} is a folder; give the name of a file in it")
    check_folder(path.parent)


def ensure_folder(path: Path) -> None:
    """Make a folder, with those above it.

    Raises:
        StorageError: It cannot be made, or there is a file of this name.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: {_reason(error, None)}") from error


def with_name_of_its_own(folder: Path) -> Path:
    """The folder under a name that files beside it can be called after, which `.` and `..` are not.

    Raises:
        ConfigError: It is the root of the file system, beside which there is nothing.
    """
    named = folder if folder.name not in {"", ".."} else folder.resolve()
    if not named.name:
        raise ConfigError(f"{folder} has no name, and nothing can be written beside it; give another folder")
    return named


@contextmanager
def only_writer(lock: Path) -> Iterator[None]:
    """Hold a lock for the block; it is free again when this process ends, however it ends.

    Raises:
        StorageError: Another process holds it.
    """
    if fcntl is None:  # not on this system: nothing warns of two writers
        yield
        return
    with lock.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(
                f"{lock.parent.parent}: another build writes here; wait for it, or give --out"
            ) from error
        yield


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
