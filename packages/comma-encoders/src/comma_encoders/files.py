"""Paths that users give, which may be anything else."""

from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether there is such a file; a text too long for a name, or with a null character, is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def short(path: Path) -> str:
    """A path for a message: the content of a file, given in place of its path, is cut."""
    told = str(path)
    most = 200
    return told if len(told) <= most else f"{told[:most]!r}..., which looks like the content of a file: give its path"


def stamp(path: Path) -> tuple[int, int]:
    """What tells a file from the one that was there before: when it was written, and its bytes; zeros without it."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
