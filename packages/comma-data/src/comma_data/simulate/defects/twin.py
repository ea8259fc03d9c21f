"""A twin: one half of the crystal is the mirror image of the other, the mirror plane seen edge-on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from comma_data.errors import StructureError
from comma_data.simulate.defects.boundary import BAND_NM, Plane, gaps, layers, patch, room, spacing
from comma_data.simulate.defects.contact import nearest_neighbour
from comma_data.simulate.defects.defect import Defect, Fact, Outline, Specimen
from comma_data.simulate.defects.lattice import KEPT, SAME_NM, looks_the_same, repeat, rows_in_view
from comma_data.simulate.projection import View

LEAST_ROOM = 0.75
"""Atoms may come this much closer across the plane than neighbours are in the crystal."""

ON_PLANE_NM = SAME_NM / 2
"""Atoms this close to the mirror plane are their own image."""

MARGIN_NM = 1.0


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """A mirror plane, and how far the image is shifted along it."""

    plane: Plane
    shift: np.ndarray
    """(3,), nm."""
    room: float
    """Smallest distance of atoms across the plane, nm."""


def twin(specimen: Specimen, _rng: np.random.Generator) -> Defect:
    """The mirror plane that leaves atoms farthest apart, among those that show.

    The lattices of the two halves differ by a half turn about the normal of the plane.

    Raises:
        StructureError: `no-twin-plane` where every dense plane is a mirror of the projection already, or too crowded.
    """
    mirror = best_mirror(specimen.seen)
    normal = mirror.plane.normal
    origin = (np.asarray(specimen.offset) @ specimen.seen.vectors)[:2] @ normal + mirror.plane.height
    period = spacing(specimen.seen, mirror.plane)
    height = origin + period * np.round((specimen.centre @ normal - origin) / period)
    crystal = specimen.crystal(MARGIN_NM + 2 * abs(height))
    depth = crystal.positions[:, :2] @ normal - height
    image = crystal.where(depth < -ON_PLANE_NM)
    mirrored = image.positions - 2 * np.outer(depth[depth < -ON_PLANE_NM], [*normal, 0.0])
    cloud = crystal.where(depth <= ON_PLANE_NM).also(image.moved(mirrored + mirror.shift))
    geometry: dict[str, Fact] = {
        "plane": mirror.plane.indices(specimen.seen),
        "trace": tuple(mirror.plane.trace.tolist()),
        "axis": (*normal.tolist(), 0.0),
        "misorientation_deg": 180.0,
        "shift": tuple(mirror.shift.tolist()),
        "at": tuple((height * normal).tolist()),
    }
    outline = Outline(at=height * normal, half_width_nm=BAND_NM, along=mirror.plane.trace)
    return Defect(kind="twin", cloud=cloud, outline=outline, geometry=geometry)


@lru_cache(KEPT)
def best_mirror(seen: View) -> Mirror:
    """The twin plane with the most room; among equals the densest plane without a shift.

    Raises:
        StructureError: `no-twin-plane`.
    """
    visible = [a for a in rows_in_view(seen) if not looks_the_same(seen, _reflection(a))][:3]
    planes = [Plane(along=a, height=h) for a in visible for h in (*layers(seen, a)[:4], *gaps(seen, a)[:2])]
    mirrors = [mirror for plane in planes for mirror in _mirrors(seen, plane)]
    best = max(mirrors, key=lambda m: (round(m.room, 3), -float(np.linalg.norm(m.shift).round(6))), default=None)
    if best is None or best.room < LEAST_ROOM * nearest_neighbour(seen):
        msg = f"no plane along {seen.zone} makes a twin that shows and leaves the atoms room: take another zone or host"
        raise StructureError("no-twin-plane", msg)
    return best


def _reflection(along: np.ndarray) -> np.ndarray:
    normal = Plane(along=along, height=0.0).normal
    return np.eye(2) - 2 * np.outer(normal, normal)


def _mirrors(seen: View, plane: Plane) -> list[Mirror]:
    one, around = patch(seen, plane)
    lower = one[one[:, 1] <= ON_PLANE_NM]
    upper = around[around[:, 1] < -ON_PLANE_NM] * [1, -1, 1]
    repeats = np.array([[np.linalg.norm(plane.along[:2]), 0.0, plane.along[2]], [0.0, 0.0, repeat(seen)]])
    lattice = np.array([plane.along, [0.0, 0.0, repeat(seen)]])
    shares = [np.array([s, t]) for s in (0.0, 0.5) for t in (0.0, 0.5)]
    return [Mirror(plane=plane, shift=s @ lattice, room=room(lower, upper, s @ repeats, repeats)) for s in shares]
