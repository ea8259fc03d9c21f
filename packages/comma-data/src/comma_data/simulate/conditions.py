"""Imaging conditions of a simulated micrograph, drawn from a seed."""

from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Everything but the material that decides how a HAADF-STEM image looks."""

    field_nm: float
    """Edge of the field of view."""
    thickness_nm: float
    probe_fwhm_nm: float
    """Full width at half maximum of the Gaussian probe."""
    dose: float
    """Detected electrons per pixel, mean over the image; infinite for an image without noise."""
    jitter_nm: float
    """Scan noise: root mean square displacement of a scan line, along and across it."""
    drift_nm: tuple[float, float]
    """How far the specimen moves during the frame, x and y."""
    background: float
    """Level without atoms, as a fraction of the mean signal."""
    contamination: float
    """Root mean square of the slow variation of the background, as a fraction of the mean signal."""
    tilt_mrad: tuple[float, float]
    """Mistilt: how far columns lean along x and y of the image, per unit of thickness, in thousandths."""
    rotation: float
    """Scan rotation, radians."""
    offset: tuple[float, float, float]
    """Where in the cell the field is centred, fractions of the lattice vectors."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Conditions of an aberration-corrected microscope in ordinary use."""
        return cls(
            field_nm=rng.uniform(2.5, 3.5),
            thickness_nm=rng.uniform(4.0, 10.0),
            probe_fwhm_nm=rng.uniform(0.07, 0.13),
            dose=float(np.exp(rng.uniform(np.log(50.0), np.log(1000.0)))),
            jitter_nm=rng.uniform(0.0, 0.008),
            drift_nm=_pair(rng, 0.01),
            background=rng.uniform(0.0, 0.4),
            contamination=rng.uniform(0.0, 0.1),
            tilt_mrad=_pair(rng, 4.0),
            rotation=rng.uniform(0.0, 2 * np.pi),
            offset=(rng.uniform(), rng.uniform(), rng.uniform()),
        )

    def provenance(self) -> dict[str, str]:
        """The conditions as strings, to keep beside the image."""
        return {name: _text(value) for name, value in asdict(self).items()}


def conditions(seed: int) -> Conditions:
    """The conditions that belong to a seed."""
    return Conditions.draw(np.random.default_rng([seed, 0]))


def session(seed: int, number: int) -> Conditions:
    """The conditions of one of several sessions at the microscope, for splits that hold whole conditions out."""
    return Conditions.draw(np.random.default_rng([seed, 3, number]))


def during(kept: Conditions, rng: np.random.Generator) -> Conditions:
    """Conditions of one image of a session: specimen, probe and dose stay; field, drift, jitter and place are new."""
    new = Conditions.draw(rng)
    free = ("field_nm", "jitter_nm", "drift_nm", "rotation", "offset")
    return replace(kept, **{name: getattr(new, name) for name in free})


def _pair(rng: np.random.Generator, largest: float) -> tuple[float, float]:
    return (rng.uniform(-largest, largest), rng.uniform(-largest, largest))


def _text(value: float | tuple[float, ...]) -> str:
    return " ".join(f"{v:.6g}" for v in (value if isinstance(value, tuple) else (value,)))
