"""The scale of images in electron microscopy data sets (EMD), as Velox and as the NCEM layout write it."""

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from comma_data.micrographs.units import square, to_nm

_LONGEST_METADATA = 4 * 2**20
"""Bytes."""


def velox_scale(image: h5py.Group) -> float | None:
    """Nanometres per pixel by `BinaryResult` of the JSON metadata of the first frame.

    Args:
        image: Group with `Data` and `Metadata` (bytes, frames).
    """
    metadata = image.get("Metadata")
    if not isinstance(metadata, h5py.Dataset) or metadata.ndim != 2 or metadata.nbytes > _LONGEST_METADATA:
        return None
    text = bytes(metadata[:, 0].astype(np.uint8)).split(b"\0", 1)[0]
    try:
        result = json.loads(text)["BinaryResult"]
        size = result["PixelSize"]
        return square(to_nm(size["width"], str(result["PixelUnitX"])), to_nm(size["height"], str(result["PixelUnitY"])))
    except (ValueError, KeyError, TypeError):
        return None


def dimension_scale(group: h5py.Group) -> float | None:
    """Nanometres per pixel by the steps of `dim1` and `dim2`; None where they are no lengths or missing."""
    return square(_step(group.get("dim2")), _step(group.get("dim1")))


def _step(vector: Any) -> float | None:
    """The difference of a dimension's first two positions."""
    if not isinstance(vector, h5py.Dataset) or vector.ndim != 1 or len(vector) < 2 or vector.dtype.kind not in "iuf":
        return None
    first, second = (float(value) for value in vector[:2])
    return to_nm(abs(second - first), _unit(vector.attrs))


def _unit(attributes: Mapping[str, Any]) -> str:
    unit = attributes.get("units", "")
    return unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
