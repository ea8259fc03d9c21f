"""A sample as one row of the exported table; without loss but for widened number types."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from comma_data.errors import DataError
from comma_data.export import png
from comma_data.export.columns import Names
from comma_data.sample import RawImage, RawPattern, RawStructure, Sample

Row = dict[str, Any]
"""Column -> Python value."""

BESIDE_IMAGES = ("mask", "boxes")
"""Annotations of an image that have a place in the column `image`."""


def row(sample: Sample, names: Names) -> Row:
    """The row; a column of a modality that the sample does not have is an empty list.

    Raises:
        DataError: A value that JSON cannot hold; the message names the sample.
    """
    annotations = {m: tuple(values) for m, values in sample.annotations.items()}
    images = [_image(image, beside) for image, beside in _beside(sample, "image")]
    if "image" in annotations:
        annotations["image"] = tuple(_rest(a, made) for a, made in zip(annotations["image"], images, strict=True))
    made = {m: [_VALUES[m](value) for value in values] for m, values in sample.fields.items() if m in _VALUES}
    return {
        "id": sample.id,
        "formula": sample.groups["formula"],
        "fold": int(sample.groups["fold"]),
        "groups": {name: sample.groups.get(name) for name in names.groups},
        **made,
        "image": images,
        "targets": {name: _target(sample.targets.get(name), kind) for name, kind in names.targets.items()},
        "annotations": _json(annotations, sample),
        "provenance": _json(sample.provenance, sample),
    }


def _beside(sample: Sample, modality: str) -> list[tuple[Any, Any]]:
    """Each value with its annotation."""
    values = sample.fields.get(modality, ())
    return list(zip(values, sample.annotations.get(modality, (None,) * len(values)), strict=True))


def _structure(structure: RawStructure) -> Row:
    charges = structure.get("charges")
    return {
        **{name: np.asarray(structure[name]).tolist() for name in ("numbers", "positions", "cell", "periodic")},
        "charges": None if charges is None else np.asarray(charges).tolist(),
    }


def _pattern(pattern: RawPattern) -> Row:
    return {
        "two_theta": np.asarray(pattern["two_theta"]).tolist(),
        "intensity": np.asarray(pattern["intensity"]).tolist(),
        "wavelength": pattern["wavelength"],
    }


def _composition(composition: Mapping[str, float]) -> Row:
    return {"elements": list(composition), "amounts": list(composition.values())}


_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "structure": _structure,
    "text": list,
    "xrd": _pattern,
    "composition": _composition,
}


def _image(image: RawImage, annotation: Any) -> Row:
    pixels = np.asarray(image["pixels"])
    beside = annotation if isinstance(annotation, Mapping) else {}
    drawn = _png(pixels)
    return {
        "png": drawn,
        "npy": _npy(pixels) if drawn is None else None,
        "nm_per_pixel": image["nm_per_pixel"],
        "mask": _png(_narrow(beside.get("mask"))),
        "boxes": _boxes(beside.get("boxes")),
    }


def _png(pixels: np.ndarray | None) -> Row | None:
    if pixels is None or not png.fits(pixels):
        return None
    return {"bytes": png.encode(pixels), "path": None}


def _npy(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, pixels, allow_pickle=False)
    return buffer.getvalue()


def _narrow(mask: Any) -> np.ndarray | None:
    """A mask of whole numbers in the smallest type that PNG has; None where there is none, or it does not fit."""
    if not isinstance(mask, np.ndarray) or mask.dtype.kind not in "bui" or mask.ndim != 2 or not mask.size:
        return None
    if mask.min() < 0 or mask.max() >= 2**16:
        return None
    return mask.astype(np.uint8 if mask.max() < 2**8 else np.uint16)


def _boxes(boxes: Any) -> list[list[float]] | None:
    array = None if boxes is None else np.asarray(boxes)
    if array is None or array.ndim != 2 or array.dtype.kind not in "uif":
        return None
    return array.astype(float).tolist()


def _rest(annotation: Any, made: Row) -> Any:
    """What is left of an image's annotation beside what the column `image` has taken."""
    if not isinstance(annotation, Mapping):
        return annotation
    taken = {name for name in BESIDE_IMAGES if made[name] is not None}
    return {name: value for name, value in annotation.items() if name not in taken} or None


def _target(value: float | str | None, kind: str) -> float | str | None:
    if value is None:
        return None
    return float(value) if kind == "float64" else str(value)


def _json(value: Any, sample: Sample) -> str:
    try:
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"sample {sample.id}: its annotations or provenance cannot be written as JSON: {error}"
        ) from error


def _plain(value: Any) -> Any:
    """Dataclasses (a `Protocol`) as mappings, arrays and tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
