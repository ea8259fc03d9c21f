"""DigitalMicrograph, TIA and other formats through rosettasciio, which is GPL-3 and therefore the user's to install."""

import importlib
import logging
import tempfile
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from comma_data.micrographs.frame import Frame, ImageError, check_count, check_size, in_order
from comma_data.micrographs.grey import grey
from comma_data.micrographs.units import square, to_nm

READERS: Mapping[str, str] = {
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".ser": "tia",
    ".blo": "blockfile",
    ".bcf": "bruker",
    ".mib": "quantumdetector",
    ".sur": "digitalsurf",
    ".tvips": "tvips",
}
"""Ending -> module of rosettasciio."""
_LARGEST_COLOURS = 2 * 64_000_000
"""Bytes of a file with colours, whose size its reader does not tell before it is decoded."""


def read_rosetta(data: bytes, ending: str) -> tuple[Frame, ...]:
    """The images of a file; spectra beside them are left out.

    Args:
        data: Content of the file.
        ending: One of `READERS`.

    Raises:
        ImageError: `needs-reader` where rosettasciio or what it needs is not installed, `no-image`, `complex`,
            `stack-too-long`, `too-many-pixels`.
    """
    module = _module(ending)
    logging.getLogger("rsciio").setLevel(logging.CRITICAL + 1)  # a refusal says what is wrong
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{ending}"
        path.write_bytes(data)
        return in_order(frame for signal in _signals(module, path) for frame in _frames(signal))


def _module(ending: str) -> ModuleType:
    try:
        return importlib.import_module(f"rsciio.{READERS[ending]}")
    except ModuleNotFoundError as error:
        missing = "rosettasciio" if error.name in {"rsciio", None} else f"{error.name}, which rosettasciio needs here"
        raise ImageError(
            "needs-reader",
            f"{ending} files need {missing} (GPL-3): pip install 'comma-data[rosettasciio]', or save as TIFF",
        ) from error


def _signals(module: ModuleType, path: Path) -> Sequence[dict[str, Any]]:
    """What the file holds, lazily where its reader can, so that sizes are known before pixels are read."""
    try:
        return module.file_reader(str(path), lazy=True)
    except ValueError as error:
        if "RGB" not in str(error) or path.stat().st_size > _LARGEST_COLOURS:
            raise
        return module.file_reader(str(path), lazy=False)


def _frames(signal: Mapping[str, Any]) -> list[Frame]:
    data, axes = signal["data"], signal["axes"]
    shown = [axis for axis in axes if not axis.get("navigate", False)]
    if len(shown) != 2 or data.ndim not in {2, 3} or signal["metadata"].get("Signal", {}).get("signal_type"):
        return []  # spectra, and maps of spectra or of diffraction patterns
    check_count(prod(data.shape[:-2]))
    check_size(data.shape[-2:])
    y, x = (to_nm(axis.get("scale", 0), str(axis.get("units"))) for axis in shown)
    images = _computed(data).reshape(-1, *data.shape[-2:])
    return [Frame(pixels=grey(_channels(image)), nm_per_pixel=square(x, y)) for image in images]


def _computed(data: Any) -> np.ndarray:
    return np.asarray(data.compute(scheduler="synchronous") if hasattr(data, "compute") else data)


def _channels(image: np.ndarray) -> np.ndarray:
    """(height, width, colours) of named colours."""
    if image.dtype.names is None:
        return image
    return np.stack([image[name] for name in image.dtype.names[:3]], axis=-1)
