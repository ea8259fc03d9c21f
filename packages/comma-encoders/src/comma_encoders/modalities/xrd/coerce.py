"""What users have -> raw pattern: pymatgen's DiffractionPattern, a two-column file, a mapping."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from comma_encoders.errors import InputError

CU_K_ALPHA = 1.54184
"""Å, the weighted mean of Kα1 and Kα2 of copper: assumed where a file does not say."""


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"there is no pattern file {path}")
    try:
        table = np.loadtxt(path, delimiter="," if path.suffix == ".csv" else None, usecols=(0, 1), ndmin=2)
    except ValueError as error:
        raise InputError(f"{path} has to hold two columns, 2θ in degrees and intensity: {error}") from error
    return {"two_theta": table[:, 0], "intensity": table[:, 1], "wavelength": CU_K_ALPHA}


def coerce(value: Any) -> dict[str, Any]:
    """A raw pattern from the path of a two-column file (copper radiation assumed) or a raw pattern.

    Raises:
        InputError: neither of these, or a file that cannot be read.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str | Path):
        return _from_file(Path(value))
    raise InputError(
        f"cannot make a pattern of {type(value).__name__}; give a path, or a mapping with two_theta, "
        "intensity, wavelength"
    )


def example(rng: np.random.Generator) -> dict[str, Any]:
    """Ten random peaks between 10° and 90°."""
    angle = np.linspace(10, 90, 1601)
    peaks = rng.uniform(12, 88, 10)
    intensity = (rng.uniform(0.1, 1, 10) * np.exp(-(((angle[:, None] - peaks) / 0.15) ** 2))).sum(axis=1)
    return {"two_theta": angle, "intensity": intensity, "wavelength": CU_K_ALPHA}
