"""PNG, JPEG and BMP, through Pillow."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, UnidentifiedImageError

from comma_data.micrographs.frame import Frame, ImageError, check_size
from comma_data.micrographs.grey import grey
from comma_data.micrographs.units import to_nm

FORMATS = ("PNG", "JPEG", "BMP")
_AS_STORED = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F", "RGB", "RGBA"})
FINEST_PRINT = 1000.0
"""nm per pixel; a coarser resolution is that of a printer (a dot of 2,400 per inch has 10,583 nm)."""


def read_raster(data: bytes) -> tuple[Frame, ...]:
    """The image of a file, grey, with the scale of a PNG's pHYs chunk where that is finer than any printer's.

    Raises:
        ImageError: `unreadable`, `too-many-pixels`, `depth-lost` for 16-bit colours, `animation`.
    """
    with opened(data, FORMATS) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise ImageError("animation", "several images in one file; save those you mean one by one")
        pixels = grey(decoded(image))
        return (Frame(pixels=pixels, nm_per_pixel=_scale(image)),)


def read_mask(data: bytes) -> np.ndarray:
    """Class numbers (height, width): grey levels, or the indices of a palette.

    Raises:
        ImageError: As `read_raster`; `bad-mask` where the colours of a pixel differ.
    """
    with opened(data, FORMATS) as image:
        array = np.asarray(image if image.mode == "P" else decoded(image))
    if array.ndim == 3 and any(not np.array_equal(array[..., 0], array[..., i]) for i in (1, 2)[: array.shape[2] - 2]):
        raise ImageError("bad-mask", "a mask in colours; save class numbers as grey levels or as a palette image")
    return array if array.ndim == 2 else array[..., 0]


@contextmanager
def opened(data: bytes, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """A file of one of these formats, opened and not yet decoded, its size within bounds.

    Raises:
        ImageError: `unreadable`, `too-many-pixels`, `too-small`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own bound is the lower one, and refusals say what is wrong
            with Image.open(io.BytesIO(data), formats=formats) as image:
                check_size((image.height, image.width))
                yield image
    except Image.DecompressionBombError as error:
        raise ImageError("too-many-pixels", str(error)) from error
    except UnidentifiedImageError as error:
        raise ImageError("unreadable", f"no {' or '.join(formats)} file") from error


def decoded(image: Image.Image) -> np.ndarray:
    """(height, width) or (height, width, channels) in the file's own depth.

    Raises:
        ImageError: `depth-lost` where Pillow would return 8 bits of 16.
    """
    stored = " ".join(str(tile[3]) for tile in getattr(image, "tile", ()))  # e.g. `RGB;16B`: what the file holds
    if ";16" in stored and not image.mode.startswith("I"):
        raise ImageError("depth-lost", "16-bit colours; save the image as 16-bit grey")
    if image.mode in _AS_STORED:
        return np.asarray(image)
    return np.asarray(image.convert("RGBA" if image.mode == "PA" else "RGB"))


def _scale(image: Image.Image) -> float | None:
    dpi = image.info.get("dpi")
    if image.format != "PNG" or not dpi or dpi[0] <= 0 or dpi[0] != dpi[1]:
        return None
    nm = to_nm(1 / dpi[0], "inch")
    return nm if nm is not None and nm < FINEST_PRINT else None
