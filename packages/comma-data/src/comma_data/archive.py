"""Files of a folder or a tar archive, one at a time; nothing is extracted to disk and no link is followed."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from comma_data.errors import DataError
from comma_data.sample import Refusal

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
LARGEST_FILE = 5_000_000
"""Bytes of one file."""
LARGEST_RATIO = 200
"""An archive that unpacks to more than this many times its size, beyond 64 MiB, is taken for a bomb."""
_SLACK = 64 * 2**20

Member = tuple[str, bytes]
"""(path inside the folder or archive, content)."""


def members(path: Path, ending: str, source: str) -> Iterator[Member | Refusal]:
    """Every file with this ending: of a folder (and of the archives in it), of an archive, or the file itself.

    Files come in the order of their names in a folder and in stored order in an archive. A member that is no plain
    file, or is larger than `LARGEST_FILE`, becomes a `Refusal`.

    Args:
        path: Folder, archive or file.
        ending: Of the file name, in lower case, e.g. `.cif`.
        source: Who asks; it stands in refusals.

    Raises:
        DataError: The path does not exist, or an archive is damaged or unpacks to an absurd size.
    """
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        for file in files:
            if _is(file, (ending, *ARCHIVES)):
                yield from members(file, ending, source)
    elif not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    elif _is(path, ARCHIVES):
        yield from _of_archive(path, ending, source)
    elif path.stat().st_size > LARGEST_FILE:
        yield _too_large(source, path.name, path.stat().st_size)
    else:
        yield path.name, path.read_bytes()


def _of_archive(path: Path, ending: str, source: str) -> Iterator[Member | Refusal]:
    budget = _SLACK + LARGEST_RATIO * path.stat().st_size
    try:
        with tarfile.open(path, mode="r|*") as tar:
            for info in tar:
                budget -= info.size
                if budget < 0:
                    raise DataError(
                        f"{path}: unpacks to more than {LARGEST_RATIO} times its size; unpack it yourself and give the"
                        " folder, if you trust it"
                    )
                if info.name.lower().endswith(ending) and not info.isdir():
                    yield _member(tar, info, source)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: damaged archive ({error}); fetch it again") from error


def _member(tar: tarfile.TarFile, info: tarfile.TarInfo, source: str) -> Member | Refusal:
    if not info.isreg():
        return Refusal(
            source=source, key=info.name, code="not-a-file", message="a link or device in an archive; pack the file"
        )
    if info.size > LARGEST_FILE:
        return _too_large(source, info.name, info.size)
    file: IO[bytes] | None = tar.extractfile(info)
    return info.name, file.read() if file else b""


def _too_large(source: str, key: str, size: int) -> Refusal:
    return Refusal(source=source, key=key, code="file-too-large", message=f"{size} bytes: at most {LARGEST_FILE}")


def _is(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings)
