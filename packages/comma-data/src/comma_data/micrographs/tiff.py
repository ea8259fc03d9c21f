"""TIFF images and short stacks, through tifffile; pages in compressions that it leaves to others through Pillow."""

import io
import logging
from collections.abc import Sequence
from math import prod

import numpy as np
from tifffile import TiffFile, TiffPage

from comma_data.micrographs.bounded import check_expands
from comma_data.micrographs.frame import Frame, ImageError, check_count, check_size, in_order
from comma_data.micrographs.grey import grey
from comma_data.micrographs.raster import decoded, opened
from comma_data.micrographs.tiff_scale import scale

_NONE, _DEFLATE, _LZMA = {1}, {8, 32946}, {34925}
_WHITE_IS_ZERO, _PALETTE = 0, 3
_DEEPEST_WALK = 256
"""Pages that are looked at; previews and masks may stand among the images."""

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # a refusal says what is wrong


def read_tiff(data: bytes, *, stored: bool = False) -> tuple[Frame, ...]:
    """The images of a file, each with the scale that its tags state.

    Of pages in several depths or sizes those of the deepest type, and of these the largest, are the images: microscopes
    store an 8-bit preview in colours beside a 16-bit image.

    Args:
        data: Content of the file.
        stored: Give the stored numbers, also where they are indices of colours or 0 is white: for masks.

    Raises:
        ImageError: `unreadable`, `truncated`, `bomb`, `too-many-pixels`, `stack-too-long`, `unsupported-compression`.
    """
    with TiffFile(io.BytesIO(data)) as tiff:
        pages = _images(tiff)
        return in_order(
            Frame(pixels=_pixels(data, page, stored=stored), nm_per_pixel=scale(tiff, page)) for page in pages
        )


def _images(tiff: TiffFile) -> list[TiffPage]:
    """The pages that hold the images; their sizes are within bounds."""
    pages: list[TiffPage] = []
    for index in range(min(len(tiff.pages), _DEEPEST_WALK)):
        page = tiff.pages.get(index, aspage=True, cache=False) if index else tiff.pages.first
        if isinstance(page, TiffPage) and not page.is_reduced and page.dtype is not None:
            pages.append(page)
    declared = int((tiff.imagej_metadata or {}).get("images", 1))
    best = max((_rank(page) for page in pages), default=None)
    chosen = [page for page in pages if _rank(page) == best]
    check_count(max(len(chosen), declared if len(chosen) == 1 else 0, len(tiff.pages) - _DEEPEST_WALK))
    if declared > len(chosen):
        raise ImageError("no-image", "an ImageJ stack without a page for each image; save it as separate files")
    for page in chosen:
        check_size((page.imagelength, page.imagewidth))
        if page.imagedepth != 1 or page.samplesperpixel > 4:
            raise ImageError("not-an-image", f"a page of shape {page.shape}; (height, width) or colours are read")
    return chosen


def _rank(page: TiffPage) -> tuple[int, int, int]:
    assert page.dtype is not None  # noqa: S101 - pages without a type were left out
    return page.dtype.itemsize, page.imagelength * page.imagewidth, page.imagewidth


def _pixels(data: bytes, page: TiffPage, *, stored: bool) -> np.ndarray:
    compression = int(page.compression)
    _check_segments(page, len(data), whole=compression in _NONE)
    if compression in _NONE | _DEFLATE | _LZMA:
        _check_bomb(data, page, compression)
        array = _decoded(data, page, stored=stored)
    else:
        array = _with_pillow(data, page)
    return grey(array)


def _decoded(data: bytes, page: TiffPage, *, stored: bool) -> np.ndarray:
    try:
        array = np.asarray(page.asarray())
    except ValueError as error:
        if "imagecodecs" not in str(error):  # a predictor or bit depth that tifffile decodes only with that package
            raise
        return _with_pillow(data, page)
    if page.axes.startswith("S"):  # one plane after the other
        array = np.moveaxis(array, 0, -1)
    return array if stored else _meant(array, page)


def _meant(array: np.ndarray, page: TiffPage) -> np.ndarray:
    """White as the largest number, and colours for palette indices."""
    if page.photometric == _PALETTE and page.colormap is not None:
        return np.moveaxis(page.colormap[:, array], 0, -1)
    return np.invert(array) if page.photometric == _WHITE_IS_ZERO and array.dtype.kind in "ub" else array


def _with_pillow(data: bytes, page: TiffPage) -> np.ndarray:
    """Decoded by libtiff, where that keeps the depth."""
    with opened(data, ("TIFF",)) as image:
        image.seek(page.index)
        check_size((image.height, image.width))
        array = decoded(image)
    if array.dtype.itemsize < (page.dtype.itemsize if page.dtype is not None else 1):
        name = getattr(page.compression, "name", page.compression)
        message = f"{page.dtype} in compression {name} cannot be read; save it without compression"
        raise ImageError("unsupported-compression", message)
    return array


def _check_segments(page: TiffPage, given: int, *, whole: bool) -> None:
    """Refuse what tifffile would fill up with zeros."""
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) != len(counts) or len(offsets) < prod(page.chunked):
        raise ImageError("truncated", "fewer strips or tiles than the image has; fetch the file again")
    if any(n <= 0 or start + n > given for start, n in zip(offsets, counts, strict=True)):
        raise ImageError("truncated", "strips or tiles beyond the end of the file; fetch it again")
    if whole and sum(counts) < _stored(page):
        raise ImageError("truncated", f"{sum(counts)} bytes of pixels, {_stored(page)} are declared")


def _stored(page: TiffPage) -> int:
    """Bytes of the uncompressed pixels; bits of less than a byte are packed."""
    row = (page.imagewidth * page.samplesperpixel * page.bitspersample + 7) // 8
    return page.imagelength * row


def _check_bomb(data: bytes, page: TiffPage, compression: int) -> None:
    segments: Sequence[bytes] = [
        data[start : start + n] for start, n in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    most = 2 * page.nbytes + 2**20  # tiles may stick out of the image
    if compression in _DEFLATE | _LZMA:
        check_expands(segments, "deflate" if compression in _DEFLATE else "lzma", most=most)
