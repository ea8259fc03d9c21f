"""Planes seen edge-on, where two half crystals meet."""

from dataclasses import dataclass

import numpy as np

from comma_data.simulate.defects.contact import closest
from comma_data.simulate.defects.lattice import SAME_NM, miller, net, repeat
from comma_data.simulate.projection import Cloud, View, fill

BAND_NM = 0.25
"""Half width of the part of the picture that counts as a planar defect."""

CLOSE_NM = 0.45
"""Atoms farther from a plane than this do not touch across it."""


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A lattice plane that holds the beam, of a view without offset."""

    along: np.ndarray
    """(3,), nm: lattice vector in the plane, not along the beam."""
    height: float
    """nm, of a point of the plane along its normal."""

    @property
    def trace(self) -> np.ndarray:
        """(2,), unit vector in the image plane."""
        return self.along[:2] / np.linalg.norm(self.along[:2])

    @property
    def normal(self) -> np.ndarray:
        """(2,), unit vector in the image plane, counter-clockwise from the trace."""
        return np.array([-self.trace[1], self.trace[0]])

    def indices(self, seen: View) -> str:
        """Miller indices in the structure's own cell."""
        return " ".join(map(str, miller(seen, np.array([*self.normal, 0.0]))))


def spacing(seen: View, plane: Plane) -> float:
    """Distance between equivalent planes, nm."""
    return abs(float(np.linalg.det(net(seen)))) / float(np.linalg.norm(plane.along[:2]))


def layers(seen: View, along: np.ndarray) -> np.ndarray:
    """Heights of the atomic layers within one spacing of the planes that hold the beam and a lattice vector, rising."""
    plane = Plane(along=along, height=0.0)
    period = spacing(seen, plane)
    heights = np.sort(((seen.fractions @ seen.vectors)[:, :2] @ plane.normal + 1e-6) % period)
    return heights[np.diff(heights, prepend=heights[0] - 1.0) > SAME_NM / 2]


def gaps(seen: View, along: np.ndarray) -> np.ndarray:
    """Heights halfway between neighbouring layers, the widest gap first."""
    period = spacing(seen, Plane(along=along, height=0.0))
    heights = layers(seen, along)
    widths = np.diff(heights, append=heights[0] + period)
    middles = heights + widths / 2
    return middles[np.argsort(-widths.round(6), kind="stable")]


def patch(seen: View, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """Atoms near a plane: one repeat of the plane's own lattice, (m, 3), and all that can touch it, (n, 3), nm.

    Coordinates are along the trace, along the normal from the plane, and along the beam.
    """
    half_repeat = 0.5 * np.array([np.linalg.norm(plane.along[:2]), repeat(seen)])
    edge = 2 * float(np.hypot(half_repeat[0] + CLOSE_NM, CLOSE_NM + abs(plane.height)))
    cloud = fill(seen, (edge, edge, 2 * (half_repeat[1] + CLOSE_NM)), (0.0, 0.0, 0.0))
    flat = cloud.positions[:, :2]
    local = np.column_stack([flat @ plane.trace, flat @ plane.normal - plane.height, cloud.positions[:, 2]])
    local = local[np.abs(local[:, 1]) < CLOSE_NM]
    one = (local[:, 0] >= -half_repeat[0]) & (local[:, 0] < half_repeat[0])
    one &= (local[:, 2] >= -half_repeat[1]) & (local[:, 2] < half_repeat[1])
    around = np.abs(local[:, 0]) < half_repeat[0] + CLOSE_NM
    return local[one], local[around]


def room(lower: np.ndarray, upper: np.ndarray, shift: np.ndarray, repeats: np.ndarray) -> float:
    """The smallest distance across a plane after the upper atoms are shifted.

    Args:
        lower: one repeat of the lower half, (m, 3).
        upper: the upper half around it, (n, 3).
        shift: (3,), less than one repeat.
        repeats: (2, 3), the plane's lattice, under which the upper half is continued.
    """
    copies = [upper + shift + i * repeats[0] + j * repeats[1] for i in (-1, 0) for j in (-1, 0)]
    return min(closest(lower, copy) for copy in copies)


def joined(lower: Cloud, upper: Cloud, point: np.ndarray, normal: np.ndarray) -> tuple[Cloud, Cloud]:
    """What lies below a plane through a point of the image plane, and what lies on or above it."""
    below = (lower.positions[:, :2] - point) @ normal < 0
    above = (upper.positions[:, :2] - point) @ normal >= 0
    return lower.where(below), upper.where(above)
