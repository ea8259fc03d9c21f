"""An image as a picture: contrast by percentiles, a scale bar, and what lies over it."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from comma_data.export import png
from comma_data.pages.axes import bar_length, label
from comma_data.pages.svg import drawing, element
from comma_data.sample import RawImage

LARGEST = 768
"""Pixels along an edge that a page carries; larger images are averaged down for the page."""
CONTRAST = (0.5, 99.5)
"""Percentiles that are drawn black and white."""
CLASSES = ((230, 97, 1), (94, 60, 153), (0, 150, 136), (214, 40, 90), (240, 200, 40))
"""Colours of the classes of a mask, from 1; they return after the last."""
OPACITY = 120


def picture(image: RawImage, annotation: Any = None) -> Markup:
    """The image with its mask, boxes and a scale bar, as far as they are known.

    Args:
        image: Pixels of any depth.
        annotation: A mapping with `mask` (h, w) and `boxes` (n, 4), y1 x1 y2 x2 in pixels, or anything else.
    """
    pixels = np.asarray(image["pixels"])
    height, width = pixels.shape
    beside = annotation if isinstance(annotation, Mapping) else {}
    parts = [_raster(png.encode(_grey(_smaller(pixels))), width, height)]
    if isinstance(beside.get("mask"), np.ndarray) and beside["mask"].shape == pixels.shape:
        parts.append(_raster(png.encode(_tinted(beside["mask"])), width, height))
    parts += _boxes(beside.get("boxes"))
    if image["nm_per_pixel"]:
        parts += _bar(width, height, image["nm_per_pixel"])
    return drawing(
        parts, width=width, height=height, label=f"Micrograph of {width} x {height} pixels", class_="micrograph"
    )


def _raster(data: bytes, width: int, height: int) -> Markup:
    address = f"data:image/png;base64,{b64encode(data).decode()}"
    return element("image", href=address, width=width, height=height, preserveAspectRatio="none")


def _smaller(pixels: np.ndarray) -> np.ndarray:
    """Means of square blocks, so that no edge is longer than `LARGEST`."""
    block = -(-max(pixels.shape) // LARGEST)
    height, width = (max(length // block, 1) for length in pixels.shape)
    cut = pixels[: height * block, : width * block].astype(float)
    return cut.reshape(height, min(block, cut.shape[0]), width, min(block, cut.shape[1])).mean(axis=(1, 3))


def _grey(pixels: np.ndarray) -> np.ndarray:
    finite = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(finite, CONTRAST)
    return (np.clip((finite - low) / max(high - low, 1e-12), 0, 1) * 255).round().astype(np.uint8)


def _tinted(mask: np.ndarray) -> np.ndarray:
    block = -(-max(mask.shape) // LARGEST)
    classes = mask[::block, ::block].astype(int)
    colours = np.array(CLASSES)[(classes - 1) % len(CLASSES)]
    opacity = np.where(classes > 0, OPACITY, 0)
    return np.dstack([colours, opacity]).astype(np.uint8)


def _boxes(boxes: Any) -> list[Markup]:
    array = np.zeros((0, 4)) if boxes is None else np.asarray(boxes, dtype=float)
    if array.ndim != 2 or array.shape[1] != 4:
        return []
    return [
        element("rect", x=float(x1), y=float(y1), width=float(x2 - x1), height=float(y2 - y1), class_="box")
        for y1, x1, y2, x2 in array
    ]


def _bar(width: int, height: int, nm_per_pixel: float) -> list[Markup]:
    """A white bar on a dark ground, bottom left, with its length."""
    length = bar_length(width * nm_per_pixel)
    pixels, unit = length / nm_per_pixel, width / 100
    told = f"{label(length / 1000)} µm" if length >= 1000 else f"{label(length)} nm"
    y = height - 4 * unit
    ground = element(
        "rect", x=2 * unit, y=y - 7 * unit, width=pixels + 4 * unit, height=9 * unit, rx=unit, class_="ground"
    )
    bar = element("rect", x=4 * unit, y=y, width=pixels, height=unit, fill="#fff")
    name = element(
        "text", told, x=4 * unit + pixels / 2, y=y - 1.5 * unit, text_anchor="middle", fill="#fff", font_size=4.5 * unit
    )
    return [ground, bar, name]
