"""What users have -> raw image: arrays, Pillow images, paths, mappings."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from comma_encoders.errors import InputError, KindError
from comma_encoders.files import is_file, short
from comma_encoders.modalities.image.pixels import MAX_PIXELS


def _grey(array: np.ndarray) -> np.ndarray:
    """(height, width) from (height, width) or (height, width, channels): grey or colours, perhaps an opacity behind."""
    if array.ndim != 3 or array.shape[-1] not in {1, 2, 3, 4}:
        return array
    if array.shape[-1] < 3:
        return array[..., 0]
    # float32 holds the sum of three 16-bit numbers, in half the memory of what numpy takes by itself
    small = array.dtype.kind in "bui" and array.dtype.itemsize <= 2
    return array[..., :3].mean(axis=-1, dtype=np.float32 if small else None)


MIXED = {"P", "PA", "CMYK", "LAB", "HSV", "YCbCr"}
"""Modes of Pillow whose numbers are no brightness: places in a palette, ink, lightness beside two colours."""


def _of_pillow(image: Any) -> np.ndarray:
    return np.asarray(image.convert("RGB") if image.mode in MIXED else image)


def _from_file(path: Path) -> np.ndarray:
    from PIL import Image  # noqa: PLC0415  timm brings it, but only a path needs it

    if not is_file(path):
        raise InputError(f"there is no image file {short(path)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own cap follows
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise InputError(f"{path} has {image.width} x {image.height} pixels, more than {MAX_PIXELS}")
                return _of_pillow(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's of a broken PNG
        raise InputError(f"{path} cannot be read as an image: {error}") from error


def coerce(value: Any) -> dict[str, Any]:
    """A raw image from an array, a Pillow image, the path of one, or a raw image; colours are averaged to grey.

    The scale is that of a raw image, else unknown: comma-data knows how files state it, and reads more formats.

    Raises:
        InputError: none of these, or a file that cannot be read.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str | Path):
        return {"pixels": _grey(_from_file(Path(value))), "nm_per_pixel": None}
    try:
        array = _of_pillow(value) if hasattr(value, "mode") and hasattr(value, "convert") else np.asarray(value)
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # a file cut short, rows of different lengths
        raise InputError(f"cannot read the pixels of a {type(value).__name__}: {error}") from error
    if array.dtype == object:
        raise KindError(f"cannot make an image of {type(value).__name__}; give an array, a path or a Pillow image")
    return {"pixels": _grey(array), "nm_per_pixel": None}


def example(rng: np.random.Generator) -> dict[str, Any]:
    """Sixteen-bit noise of a random size and scale."""
    shape = tuple(int(n) for n in rng.integers(48, 128, 2))
    return {"pixels": rng.integers(0, 2**16, shape).astype(np.uint16), "nm_per_pixel": float(rng.uniform(0.01, 0.1))}
