"""One file, with what lies beside it, read in a worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from comma_data.micrographs.boxes import read_boxes
from comma_data.micrographs.crop import crop_boxes, picture
from comma_data.micrographs.formats import read_frames
from comma_data.micrographs.frame import Frame, ImageError
from comma_data.micrographs.raster import read_mask
from comma_data.micrographs.tiff import read_tiff
from comma_data.pool import TooSlowError, time_limit
from comma_data.sample import Refusal

LONGEST = 20.0
"""Seconds that one file may take."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A file to read."""

    name: str
    data: bytes
    boxes: bytes | None = None
    mask: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """The images of a file, and what is marked in them."""

    name: str
    frames: tuple[Frame, ...]
    annotation: dict[str, Any] | None = None


def decode(task: Task | Refusal, *, source: str, classes: Sequence[str], crop: bool) -> Decoded | Refusal:
    """The images of a file, or why it has none.

    Args:
        task: A refusal passes.
        source: Who asks; it stands in refusals.
        classes: Names of the mask's numbers 0, 1, ...; none where they have no names.
        crop: Cut a uniform border off.
    """
    if isinstance(task, Refusal):
        return task
    try:
        with time_limit(LONGEST):
            return _decoded(task, classes, crop=crop)
    except ImageError as error:
        code, reason = error.code, str(error)
    except (TooSlowError, MemoryError, RecursionError) as error:
        code, reason = "too-costly", f"reading {error}"
    return Refusal(source=source, key=task.name, code=code, message=f"{task.name}: {reason}")


def _decoded(task: Task, classes: Sequence[str], *, crop: bool) -> Decoded:
    frames = read_frames(task.name, task.data)
    annotation = _annotation(task, frames, classes)
    if crop:
        windows = [picture(frame.pixels) for frame in frames]
        frames = tuple(_cut(frame, *window) for frame, window in zip(frames, windows, strict=True))
        annotation = _cut_annotation(annotation, *windows[0]) if annotation else None
    return Decoded(name=task.name, frames=frames, annotation=annotation)


def _annotation(task: Task, frames: Sequence[Frame], classes: Sequence[str]) -> dict[str, Any] | None:
    if task.boxes is None and task.mask is None:
        return None
    if len(frames) > 1:
        raise ImageError("annotated-stack", "boxes or a mask beside a file of several images; save these one by one")
    height, width = frames[0].pixels.shape
    annotation: dict[str, Any] = {}
    if task.boxes is not None:
        annotation["boxes"] = read_boxes(task.boxes, (height, width))
    if task.mask is not None:
        annotation["mask"] = _mask(task.mask, (height, width), len(classes))
        annotation["mask_classes"] = list(classes)
    return annotation


def _mask(data: bytes, shape: tuple[int, int], classes: int) -> np.ndarray:
    mask = read_tiff(data, stored=True)[0].pixels if data[:4] in {b"II*\0", b"MM\0*"} else read_mask(data)
    mask = mask.astype(np.uint8) if mask.dtype == bool else mask
    if mask.shape != shape or mask.dtype.kind not in "ui":
        raise ImageError("bad-mask", f"a mask of shape {mask.shape} for an image of {shape}; both have to be equal")
    if classes and mask.max() >= classes:
        raise ImageError("bad-mask", f"a mask with class {mask.max()}, where {classes} classes are named")
    return mask


def _cut(frame: Frame, rows: slice, columns: slice) -> Frame:
    pixels = np.ascontiguousarray(frame.pixels[rows, columns])
    return Frame(pixels=pixels, nm_per_pixel=frame.nm_per_pixel, name=frame.name)


def _cut_annotation(annotation: dict[str, Any], rows: slice, columns: slice) -> dict[str, Any]:
    cut = dict(annotation)
    if "boxes" in cut:
        cut["boxes"] = crop_boxes(cut["boxes"], rows, columns)
    if "mask" in cut:
        cut["mask"] = np.ascontiguousarray(cut["mask"][rows, columns])
    return cut
