"""Which files a source reads out of a folder or an archive, and what becomes of those that it cannot take."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from comma_data.compressed import ENDINGS, CompressionError, inner_name, unpack
from comma_data.sample import Refusal

LARGEST_FILE = 5_000_000
"""Bytes of one file."""
LARGEST_RATIO = 200
"""An archive that unpacks to more than this many times its size, beyond `SLACK`, is taken for a bomb."""
SLACK = 64 * 2**20
"""Bytes that any archive may unpack to."""

Member = tuple[str, bytes]
"""(path inside the folder or archive, content); a compressed file comes unpacked, its compression ending cut off."""

Fault = tuple[str, str]
"""(code, message) of a refusal."""

_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The files that one source reads."""

    source: str
    """Who asks; it stands in refusals."""
    endings: tuple[str, ...]
    """Of file names, in lower case, e.g. `.cif`; each also with `.gz`, `.xz` or `.bz2` behind it."""
    prefixes: tuple[str, ...] = ()
    """Of file names, in lower case, e.g. `poscar`."""
    largest: int = LARGEST_FILE
    """Bytes of one file, unpacked."""

    def matches(self, name: str) -> bool:
        """Whether the file is one to read; what macOS leaves beside a file (`._name`) is not."""
        base = PurePosixPath(name.replace("\\", "/")).name.lower()
        inner = inner_name(base)
        return not base.startswith("._") and (inner.endswith(self.endings) or inner.startswith(self.prefixes))

    def refused(self, name: str, code: str, message: str) -> Refusal:
        """The refusal of a file."""
        shown = printable(name)
        return Refusal(source=self.source, key=shown, code=code, message=f"{shown}: {message}")

    def too_large(self, name: str, size: int) -> Refusal:
        """The refusal of a file of this many bytes."""
        return self.refused(name, "file-too-large", f"{size} bytes: at most {self.largest}")

    def member(self, name: str, data: bytes) -> Member | Refusal:
        """A file's content, unpacked."""
        if not name.lower().endswith(ENDINGS):
            return printable(name), data
        try:
            content = unpack(name, data, most=self.largest + 1)
        except CompressionError as error:
            return self.refused(name, "damaged-file", f"{error}; compress it again")
        if len(content) > self.largest:
            return self.refused(name, "file-too-large", f"unpacks to more than {self.largest} bytes")
        return printable(inner_name(name)), content


def printable(name: str) -> str:
    """A file's name without control characters, direction marks and broken bytes, which messages must not pass on."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)


def entry_fault(name: str, *, nested: bool) -> Fault | None:
    """What is wrong with an archive's entry by its path, None where nothing is.

    Args:
        name: Its path.
        nested: Whether it is an archive itself.
    """
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or _DRIVE.match(slashed):
        return "path-absolute", "a path that leads out of the archive; pack relative paths"
    if ".." in slashed.split("/"):
        return "path-traversal", "a path that leads out of the archive; pack relative paths"
    if nested:
        return "nested-archive", "an archive in an archive; unpack the outer one"
    return None
