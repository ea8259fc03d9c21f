"""A stacking fault: one half of the crystal shifted by a vector in the fault plane, the plane seen edge-on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from comma_data.errors import StructureError
from comma_data.simulate.defects.boundary import BAND_NM, Plane, gaps, joined, patch, room, spacing
from comma_data.simulate.defects.contact import nearest_neighbour
from comma_data.simulate.defects.defect import Defect, Fact, Outline, Specimen
from comma_data.simulate.defects.lattice import KEPT, looks_the_same, repeat, rows_in_view
from comma_data.simulate.projection import View

DIVISIONS = 6
"""Shifts are multiples of a sixth of the plane's lattice vectors: halves and thirds are the common fault vectors."""

LEAST_ROOM = 0.75
"""Atoms may come this much closer across the plane than neighbours are in the crystal."""

MARGIN_NM = 1.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A plane and a shift."""

    plane: Plane
    shift: np.ndarray
    """(3,), nm."""
    room: float
    """Smallest distance of atoms across the plane, nm."""


def stacking_fault(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """The fault whose shift leaves atoms farthest apart, among those that show.

    Raises:
        StructureError: `no-stacking-fault` where every visible shift brings atoms too close.
    """
    fault = best_fault(specimen.seen)
    sign = 1 if rng.uniform() < 0.5 else -1
    normal = fault.plane.normal
    origin = (np.asarray(specimen.offset) @ specimen.seen.vectors)[:2] @ normal + fault.plane.height
    period = spacing(specimen.seen, fault.plane)
    point = normal * (origin + period * np.round((specimen.centre @ normal - origin) / period))
    crystal = specimen.crystal(MARGIN_NM)
    moved = crystal.moved(crystal.positions + fault.shift)
    back = crystal.moved(crystal.positions - fault.shift)
    lower, upper = (crystal, moved) if sign > 0 else (back, crystal)
    lower, upper = joined(lower, upper, point, normal)
    geometry: dict[str, Fact] = {
        "plane": fault.plane.indices(specimen.seen),
        "trace": tuple(fault.plane.trace.tolist()),
        "shift": tuple(fault.shift.tolist()),
        "at": tuple(point.tolist()),
    }
    outline = Outline(at=point, half_width_nm=BAND_NM, along=fault.plane.trace)
    return Defect(kind="stacking-fault", cloud=lower.also(upper), outline=outline, geometry=geometry)


@lru_cache(KEPT)
def best_fault(seen: View) -> Fault:
    """The fault with the most room; among equals the densest plane and the shortest shift.

    Raises:
        StructureError: `no-stacking-fault`.
    """
    planes = [Plane(along=a, height=h) for a in rows_in_view(seen, 3) for h in gaps(seen, a)[:2]]
    faults = [fault for plane in planes for fault in _faults(seen, plane)]
    best = max(faults, key=lambda f: (round(f.room, 3), -round(float(np.linalg.norm(f.shift)), 6)), default=None)
    if best is None or best.room < LEAST_ROOM * nearest_neighbour(seen):
        msg = f"no shift of a plane along {seen.zone} shows and leaves the atoms room: take another zone or host"
        raise StructureError("no-stacking-fault", msg)
    return best


def _faults(seen: View, plane: Plane) -> list[Fault]:
    one, around = patch(seen, plane)
    lower, upper = one[one[:, 1] < 0], around[around[:, 1] >= 0]
    repeats = np.array([[np.linalg.norm(plane.along[:2]), 0.0, plane.along[2]], [0.0, 0.0, repeat(seen)]])
    steps = np.arange(DIVISIONS) / DIVISIONS
    visible = [s for s in steps if not looks_the_same(seen, np.eye(2), s * plane.along[:2])]
    shares = [np.array([s, t]) for s in visible for t in steps]
    return [
        Fault(plane=plane, shift=_shortest(share, plane, seen), room=room(lower, upper, share @ repeats, repeats))
        for share in shares
    ]


def _shortest(share: np.ndarray, plane: Plane, seen: View) -> np.ndarray:
    """The shortest of the equivalent shifts, (3,), nm."""
    lattice = np.array([plane.along, [0.0, 0.0, repeat(seen)]])
    options = [(share + np.array([i, j])) @ lattice for i in (-1, 0) for j in (-1, 0)]
    return min(options, key=lambda shift: float(np.linalg.norm(shift).round(6)))
