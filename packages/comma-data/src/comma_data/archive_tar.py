"""Members of a tar archive, read as a stream, with a bound on what it unpacks to."""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from comma_data.compressed import FAULTS, MAGIC, OPENERS
from comma_data.errors import DataError
from comma_data.sample import Refusal
from comma_data.wanted import LARGEST_RATIO, SLACK, Member, Wanted, entry_fault

_KINDS = (
    (tarfile.TarInfo.islnk, "member-link", "a link"),
    (tarfile.TarInfo.issym, "member-link", "a link"),
    (tarfile.TarInfo.isfifo, "member-fifo", "a pipe"),
    (tarfile.TarInfo.isdev, "member-device", "a device"),
    (lambda info: not info.isreg(), "not-a-file", "no plain file"),
)


def tar_members(path: Path, wanted: Wanted, is_archive: Callable[[str], bool]) -> Iterator[Member | Refusal]:
    """The wanted members in stored order, each unpacked or refused.

    Args:
        path: The archive; its compression is told by its first bytes.
        wanted: What is read.
        is_archive: Tells archives by name; those inside are refused.

    Raises:
        DataError: The archive is damaged, cut off, or unpacks to an absurd size.
    """
    try:
        with _unpacked(path) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictInfo) as tar:
            for info in tar:
                if not info.isdir() and (wanted.matches(info.name) or is_archive(info.name)):
                    yield _member(tar, info, wanted, is_archive)
            while stream.read(2**16):  # to the end, so that the compression's checksum is compared
                pass
    except (tarfile.TarError, *FAULTS) as error:
        raise DataError(f"{path}: damaged archive ({error}); fetch it again") from error


class _StrictInfo(tarfile.TarInfo):
    """A header; a bad one behind the first, at which tarfile would silently stop, is an error."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # the block of zeros that ends an archive; no public name
                raise
            raise tarfile.ReadError(f"bad or missing header: {error}") from error


class _Bounded:
    """A stream that ends in an error beyond a number of bytes, whatever asks for them."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._left = SLACK + LARGEST_RATIO * path.stat().st_size

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise DataError(
                f"{self._path}: unpacks to more than {LARGEST_RATIO} times its size; unpack it yourself and give the"
                " folder, if you trust it"
            )
        return data


@contextmanager
def _unpacked(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        ending = next((ending for magic, ending in MAGIC.items() if start.startswith(magic)), None)
        if ending is None:
            yield _Bounded(file, path)
        else:
            with OPENERS[ending](file) as stream:
                yield _Bounded(stream, path)


def _member(
    tar: tarfile.TarFile, info: tarfile.TarInfo, wanted: Wanted, is_archive: Callable[[str], bool]
) -> Member | Refusal:
    for is_kind, code, what in _KINDS:
        if is_kind(info):
            return wanted.refused(info.name, code, f"{what} in an archive; pack the file itself")
    if fault := entry_fault(info.name, nested=is_archive(info.name)):
        return wanted.refused(info.name, *fault)
    if info.size > wanted.largest:
        return wanted.too_large(info.name, info.size)
    file = tar.extractfile(info)
    return wanted.member(info.name, file.read() if file else b"")
