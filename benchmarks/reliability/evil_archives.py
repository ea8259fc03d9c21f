"""Forty archives, each with something in it that must not be followed, unpacked or believed."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CIF = b"data_x\n_cell_length_a 4\n"
ZEROS = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Evil:
    """One archive."""

    path: Path
    code: str
    """Of the refusal; empty where the whole archive is refused by an error."""


def write_archives(folder: Path) -> Iterator[Evil]:
    """Write them one by one; paths inside point at `folder / "outside"`."""
    outside = folder / "outside"
    for ending in ("tar", "tar.gz", "zip"):
        for number, (code, name, entry) in enumerate(_members(outside)):
            path = folder / f"{code}-{number}.{ending}"
            write = _zip if ending == "zip" else _tar
            write(path, name, entry)
            yield Evil(path=path, code=code)
    for name, damage in _WHOLE.items():
        path = folder / name
        path.write_bytes(damage())
        yield Evil(path=path, code="")


def _members(outside: Path) -> list[tuple[str, str, bytes | str]]:
    """(code, path inside, content or kind of special member)."""
    return [
        ("path-traversal", "../outside/a.cif", CIF),
        ("path-traversal", "x/../../outside/a.cif", CIF),
        ("path-traversal", "..\\outside\\a.cif", CIF),
        ("path-absolute", f"{outside}/a.cif", CIF),
        ("path-absolute", "C:\\outside\\a.cif", CIF),
        ("member-link", "a.cif", "symbolic"),
        ("member-fifo", "a.cif", "fifo"),
        ("member-device", "a.cif", "device"),
        ("nested-archive", "inner.tar.gz", gzip.compress(CIF)),
        ("file-too-large", "a.cif.gz", gzip.compress(bytes(ZEROS))),
        ("damaged-file", "a.cif.gz", gzip.compress(CIF)[:-6]),
    ]


_TAR = {"symbolic": tarfile.SYMTYPE, "fifo": tarfile.FIFOTYPE, "device": tarfile.CHRTYPE}
_MODE = {"symbolic": stat.S_IFLNK, "fifo": stat.S_IFIFO, "device": stat.S_IFCHR}


def _tar(path: Path, name: str, entry: bytes | str) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        info = tarfile.TarInfo(name)
        if isinstance(entry, str):
            info.type, info.linkname = _TAR[entry], "/etc/passwd"
            tar.addfile(info)
        else:
            info.size = len(entry)
            tar.addfile(info, io.BytesIO(entry))


def _zip(path: Path, name: str, entry: bytes | str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        if isinstance(entry, str):
            info.external_attr = _MODE[entry] << 16
        archive.writestr(info, b"/etc/passwd" if isinstance(entry, str) else entry)


def _tar_bytes(size: int, *, kind: bytes = tarfile.REGTYPE, count: int = 1) -> bytes:
    """A tar of members of zeros."""
    buffer = io.BytesIO()
    for i in range(count):
        info = tarfile.TarInfo(f"{i}.cif")
        info.type, info.size = kind, size
        buffer.write(info.tobuf())
        buffer.write(bytes(min(size, ZEROS)))
    return buffer.getvalue() + bytes(1024)


def _bad_header() -> bytes:
    data = bytearray(_tar_bytes(512, count=3))
    data[1024 + 124] ^= 1
    return bytes(data)


def _zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.cif", bytes(ZEROS))
    return buffer.getvalue()


_WHOLE: dict[str, Callable[[], bytes]] = {
    "ratio.tar.gz": lambda: gzip.compress(_tar_bytes(ZEROS)),
    "ratio.zip": _zip_bomb,
    "pax.tar.gz": lambda: gzip.compress(_tar_bytes(8 * 10**9, kind=tarfile.XHDTYPE)),
    "longname.tar.gz": lambda: gzip.compress(_tar_bytes(8 * 10**9, kind=tarfile.GNUTYPE_LONGNAME)),
    "header.tar": _bad_header,
    "cut.tar.gz": lambda: gzip.compress(_tar_bytes(512, count=3))[:-20],
    "cut.zip": lambda: _zip_bomb()[:-10],
}
