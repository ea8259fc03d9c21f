"""Single compressed files, unpacked up to a bound."""

import bz2
import gzip
import io
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import IO, Any

OPENERS: Mapping[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".xz": lzma.LZMAFile,
    ".bz2": bz2.BZ2File,
}
"""Ending -> what reads behind it."""
ENDINGS = tuple(OPENERS)
MAGIC: Mapping[bytes, str] = {b"\x1f\x8b": ".gz", b"\xfd7zXZ": ".xz", b"BZh": ".bz2"}
"""First bytes -> ending."""
FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError, struct.error, ValueError, IndexError, OverflowError)
"""What the readers raise at damaged data."""


class CompressionError(Exception):
    """Data that cannot be unpacked; sources turn it into a refusal."""


def inner_name(name: str) -> str:
    """The name without its compression ending."""
    return name[: name.rindex(".")] if name.lower().endswith(ENDINGS) else name


def unpack(name: str, data: bytes, *, most: int) -> bytes:
    """The first `most` bytes of a compressed file's content; no more than these are ever held.

    Args:
        name: Its ending says how it is compressed.
        data: The whole compressed file.
        most: Bytes.

    Raises:
        CompressionError: The data is damaged.
    """
    opener = OPENERS[name[name.rindex(".") :].lower()]
    try:
        with opener(io.BytesIO(data)) as file:
            content: bytes = file.read(most)
    except FAULTS as error:
        raise CompressionError(f"damaged ({error})") from error
    return content
