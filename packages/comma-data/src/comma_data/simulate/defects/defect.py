"""The nouns of a defect: where it is put, what it makes of the crystal, and which part of the picture it takes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from comma_data.errors import StructureError
from comma_data.simulate.conditions import Conditions
from comma_data.simulate.projection import Cloud, View, fill
from comma_data.simulate.scan import beam, still
from comma_data.simulate.stem import turned

Fact = str | float | tuple[float, ...]
"""A name, a number, or a vector."""


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """A perfect crystal along a zone, and the place where a defect is wanted."""

    seen: View
    box_nm: tuple[float, float, float]
    """What has to be full of atoms: width, height and thickness."""
    offset: tuple[float, float, float]
    """Where in the cell the box is centred, fractions of the lattice vectors."""
    centre: np.ndarray
    """(2,), nm, where in the image plane the defect is wanted."""

    def __post_init__(self) -> None:
        """Refuse what has no lattice."""
        if not self.seen.periodic.all():
            msg = "defects are put into crystals that are periodic in three directions: leave molecules and slabs out"
            raise StructureError("not-periodic", msg)

    def crystal(self, margin_nm: float = 0.0) -> Cloud:
        """The perfect crystal in the box, or in one that is wider by a margin on each side."""
        width, height, thickness = self.box_nm
        return fill(self.seen, (width + 2 * margin_nm, height + 2 * margin_nm, thickness), self.offset)


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The part of the image plane that a defect takes: a disc, or a band."""

    at: np.ndarray
    """(2,), nm: the middle of the disc, or a point of the band's axis."""
    half_width_nm: float
    along: np.ndarray | None = None
    """(2,), unit vector along the band; None for a disc."""

    def covers(self, points: np.ndarray) -> np.ndarray:
        """Which of the points, (p, 2), nm, belong to it, (p,), bool."""
        apart = points - self.at
        if self.along is not None:
            apart = apart @ np.array([-self.along[1], self.along[0]])[:, None]
        return np.linalg.norm(apart, axis=1) <= self.half_width_nm


@dataclass(frozen=True, kw_only=True)
class Defect:
    """A crystal with a defect."""

    kind: str
    cloud: Cloud
    outline: Outline
    geometry: Mapping[str, Fact]
    """What an expert would state: Burgers vector, plane, misorientation, fraction of a column; lengths in nm."""


def mask(outline: Outline, under: Conditions, size: int) -> np.ndarray:
    """Which pixels of a micrograph belong to the defect: 1, others 0; (size, size), uint8."""
    y, x = beam(under, still(size))
    points = turned(np.stack([x.ravel(), y.ravel()], axis=1), -under.rotation)
    return outline.covers(points).reshape(size, size).astype(np.uint8)


def direction(angle: float) -> np.ndarray:
    """Unit vector, (2,), at an angle to x, radians."""
    return np.array([np.cos(angle), np.sin(angle)])
