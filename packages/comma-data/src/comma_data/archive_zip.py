"""Members of a zip archive, one at a time, with a bound on what each and all unpack to."""

import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from comma_data.compressed import FAULTS
from comma_data.errors import DataError
from comma_data.sample import Refusal
from comma_data.wanted import LARGEST_RATIO, SLACK, Fault, Member, Wanted, entry_fault

LARGEST_MEMBER_RATIO = 500
"""A member that unpacks to more than this many times its size, beyond 64 KiB, is taken for a bomb; text stays below."""
_MEMBER_SLACK = 2**16
_KINDS = (
    (stat.S_ISLNK, "member-link", "a link"),
    (stat.S_ISFIFO, "member-fifo", "a pipe"),
    (stat.S_ISCHR, "member-device", "a device"),
    (stat.S_ISBLK, "member-device", "a device"),
)


def zip_members(path: Path, wanted: Wanted, is_archive: Callable[[str], bool]) -> Iterator[Member | Refusal]:
    """The wanted members in stored order, each unpacked or refused.

    Args:
        path: The archive.
        wanted: What is read.
        is_archive: Tells archives by name; those inside are refused.

    Raises:
        DataError: The archive has no sound directory, or unpacks to an absurd size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > SLACK + LARGEST_RATIO * path.stat().st_size:
                raise DataError(
                    f"{path}: unpacks to more than {LARGEST_RATIO} times its size; unpack it yourself and give the"
                    " folder, if you trust it"
                )
            for info in infos:
                if not info.is_dir() and (wanted.matches(info.filename) or is_archive(info.filename)):
                    yield _member(archive, info, wanted, is_archive)
    except (zipfile.BadZipFile, NotImplementedError, *FAULTS) as error:
        raise DataError(f"{path}: damaged archive ({error}); fetch it again") from error


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, wanted: Wanted, is_archive: Callable[[str], bool]
) -> Member | Refusal:
    if fault := _fault(info) or entry_fault(info.filename, nested=is_archive(info.filename)):
        return wanted.refused(info.filename, *fault)
    if info.file_size > wanted.largest:
        return wanted.too_large(info.filename, info.file_size)
    return _content(archive, info, wanted)


def _fault(info: zipfile.ZipInfo) -> Fault | None:
    mode = info.external_attr >> 16
    for is_kind, code, what in _KINDS:
        if is_kind(mode):
            return code, f"{what} in an archive; pack the file itself"
    if info.flag_bits & 0x1:
        return "member-encrypted", "encrypted; decrypt the archive first"
    if info.file_size > _MEMBER_SLACK + LARGEST_MEMBER_RATIO * info.compress_size:
        return "member-bomb", f"unpacks to more than {LARGEST_MEMBER_RATIO} times its size"
    return None


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, wanted: Wanted) -> Member | Refusal:
    """The member's bytes; zipfile stops at the stated size and compares the checksum."""
    try:
        with archive.open(info) as file:
            return wanted.member(info.filename, file.read(info.file_size + 1))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *FAULTS) as error:
        return wanted.refused(info.filename, "damaged-file", f"cannot be unpacked ({error}); pack it again")
