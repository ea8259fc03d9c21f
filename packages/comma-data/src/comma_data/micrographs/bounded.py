"""How far compressed data expand, found without keeping what comes out."""

import lzma
import zlib
from collections.abc import Iterable
from typing import Literal

from comma_data.micrographs.frame import ImageError

_STEP = 2**20
"""Bytes of output that are held at once."""


def check_expands(segments: Iterable[bytes], method: Literal["deflate", "lzma"], *, most: int) -> None:
    """Refuse segments that unpack to more than is declared.

    Args:
        segments: Each compressed by itself.
        method: zlib streams, or xz/lzma ones.
        most: Bytes that all may unpack to together.

    Raises:
        ImageError: `bomb`, or `unreadable` where a segment is damaged.
    """
    total = 0
    for segment in segments:
        try:
            total += _expanded(segment, method, most - total)
        except (zlib.error, lzma.LZMAError) as error:
            raise ImageError("unreadable", f"damaged compressed pixels ({error}); fetch the file again") from error
        if total > most:
            raise ImageError("bomb", f"compressed pixels that unpack to more than the {most} bytes declared")


def _expanded(segment: bytes, method: str, most: int) -> int:
    """Bytes that a segment unpacks to, counted up to just above `most`."""
    total = 0
    rest = segment
    inflater = zlib.decompressobj() if method == "deflate" else None
    decompressor = lzma.LZMADecompressor(memlimit=64 * _STEP) if inflater is None else None
    while total <= most:
        if inflater is not None:
            out, rest = inflater.decompress(rest, _STEP), inflater.unconsumed_tail
        elif decompressor is not None:
            out, rest = decompressor.decompress(rest, _STEP), b""
        total += len(out)
        ended = inflater.eof if inflater is not None else decompressor is None or decompressor.eof
        if ended or not out:
            break
    return total
