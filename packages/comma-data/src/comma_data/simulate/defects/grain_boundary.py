"""A symmetric tilt boundary: two grains turned against each other about the beam, the boundary seen edge-on."""

import numpy as np

from comma_data.simulate.defects.boundary import BAND_NM, Plane, joined
from comma_data.simulate.defects.contact import crowded, nearest_neighbour
from comma_data.simulate.defects.defect import Defect, Fact, Outline, Specimen
from comma_data.simulate.defects.lattice import rows_in_view
from comma_data.simulate.projection import Cloud
from comma_data.simulate.stem import turned

ANGLES_DEG = (10.0, 30.0)
"""Least and largest misorientation: above low-angle boundaries, and below half the period of any rotation axis."""

LEAST_ROOM = 0.75
"""Atoms closer across the boundary than this share of the distance of neighbours: one of the two is taken out."""

MARGIN_NM = 0.6


def grain_boundary(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """Two grains on both sides of a dense plane, each turned by half the misorientation, shifted at random."""
    degrees = float(rng.uniform(*ANGLES_DEG))
    half = np.radians(degrees) / 2 * (1 if rng.uniform() < 0.5 else -1)
    plane = Plane(along=rows_in_view(specimen.seen, 1)[0], height=0.0)
    crystal = specimen.crystal(MARGIN_NM)
    one, other = (crystal.moved(turned(crystal.positions, angle)) for angle in (half, -half))
    shift = np.array([*(rng.uniform(-0.25, 0.25, 2)), rng.uniform(-0.25, 0.25)])
    lower, upper = joined(one, other.moved(other.positions + shift), specimen.centre, plane.normal)
    distance = LEAST_ROOM * nearest_neighbour(specimen.seen)
    upper = _without_crowded(lower, upper, specimen.centre, plane.normal, distance)
    geometry: dict[str, Fact] = {
        "misorientation_deg": degrees,
        "axis": (0.0, 0.0, 1.0),
        "trace": tuple(plane.trace.tolist()),
        "plane": plane.indices(specimen.seen),
        "at": tuple(specimen.centre.tolist()),
    }
    outline = Outline(at=specimen.centre, half_width_nm=BAND_NM, along=plane.trace)
    return Defect(kind="grain-boundary", cloud=lower.also(upper), outline=outline, geometry=geometry)


def _without_crowded(lower: Cloud, upper: Cloud, point: np.ndarray, normal: np.ndarray, distance: float) -> Cloud:
    """The upper grain without atoms that come too close to the lower one."""
    near_lower = np.abs((lower.positions[:, :2] - point) @ normal) < distance
    near_upper = np.flatnonzero(np.abs((upper.positions[:, :2] - point) @ normal) < distance)
    bad = crowded(lower.positions[near_lower], upper.positions[near_upper], distance)
    return upper.where(np.setdiff1d(np.arange(len(upper.numbers)), near_upper[bad]))
