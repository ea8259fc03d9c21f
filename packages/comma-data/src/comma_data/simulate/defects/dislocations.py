"""Straight dislocations, by the displacement field of isotropic elasticity.

J. P. Hirth and J. Lothe, Theory of Dislocations, 2nd edition, 1982, equations 3-45 and 3-46 (edge) and 3-1 (screw).
The Burgers vector is the shortest lattice translation normal to the beam. The edge dislocation runs along the beam, so
that it is seen end-on. A screw dislocation seen end-on moves atoms along the beam only and does not show; so it lies in
the image plane, at half depth: columns on its one side are half a Burgers vector off those on the other, and smeared
close to the line.
"""

import numpy as np

from comma_data.simulate.defects.contact import spread
from comma_data.simulate.defects.defect import Defect, Fact, Outline, Specimen
from comma_data.simulate.defects.lattice import burgers_vector, miller, net
from comma_data.simulate.projection import Cloud

POISSON = 0.3
"""Poisson's ratio; most inorganic solids lie between 0.2 and 0.35."""

MARGIN_NM = 0.8
"""Atoms that the displacement can bring into the box."""

CORE_NM = 0.35
"""Radius of the part of the picture that counts as the dislocation."""

TRIES = 24
"""Places of the core that are compared; the one that leaves atoms farthest apart is taken."""


def edge_dislocation(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """A dislocation with its line along the beam and its Burgers vector in the image plane.

    Raises:
        StructureError: `no-burgers-vector`.
    """
    burgers = burgers_vector(specimen.seen) * (1 if rng.uniform() < 0.5 else -1)
    crystal = specimen.crystal(MARGIN_NM)
    cores = specimen.centre + rng.uniform(-0.5, 0.5, (TRIES, 2)) @ net(specimen.seen)
    core = max(cores, key=lambda at: _room(crystal, at, burgers))
    cloud = crystal.moved(crystal.positions + edge_displacement(crystal.positions[:, :2] - core, burgers))
    across = np.array([-burgers[1], burgers[0], 0.0]) / np.linalg.norm(burgers)
    geometry: dict[str, Fact] = {
        **_geometry(specimen, burgers, np.array([0.0, 0.0, 1.0]), across),
        "at": tuple(core.tolist()),
    }
    outline = Outline(at=core, half_width_nm=CORE_NM)
    return Defect(kind="edge-dislocation", cloud=cloud, outline=outline, geometry=geometry)


def screw_dislocation(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """A dislocation in the image plane, its Burgers vector along its line.

    Raises:
        StructureError: `no-burgers-vector`.
    """
    burgers = burgers_vector(specimen.seen) * (1 if rng.uniform() < 0.5 else -1)
    along = burgers[:2] / np.linalg.norm(burgers)
    core = specimen.centre + rng.uniform(-0.5, 0.5, 2) @ net(specimen.seen)
    crystal = specimen.crystal(MARGIN_NM)
    cloud = crystal.moved(crystal.positions + screw_displacement(crystal.positions - [*core, 0.0], burgers))
    outline = Outline(at=core, half_width_nm=CORE_NM, along=along)
    line, beam = burgers / np.linalg.norm(burgers), np.array([0.0, 0.0, 1.0])
    geometry: dict[str, Fact] = {**_geometry(specimen, burgers, line, beam), "at": tuple(core.tolist())}
    return Defect(kind="screw-dislocation", cloud=cloud, outline=outline, geometry=geometry)


def edge_displacement(away: np.ndarray, burgers: np.ndarray) -> np.ndarray:
    """Displacement, (m, 3), of atoms at (m, 2) from the line; Burgers vector (3,) in the image plane; one unit."""
    length = np.linalg.norm(burgers)
    along = burgers[:2] / length
    across = np.array([-along[1], along[0]])
    x, y = away @ along, away @ across
    squared = np.maximum(x**2 + y**2, 1e-12)
    u = length / (2 * np.pi) * (np.arctan2(y, x) + x * y / (2 * (1 - POISSON) * squared))
    logarithm = (1 - 2 * POISSON) / (4 * (1 - POISSON)) * np.log(squared / length**2)
    v = -length / (2 * np.pi) * (logarithm + (x**2 - y**2) / (4 * (1 - POISSON) * squared))
    return np.column_stack([np.outer(u, along) + np.outer(v, across), np.zeros(len(u))])


def screw_displacement(away: np.ndarray, burgers: np.ndarray) -> np.ndarray:
    """Displacement, (m, 3), of atoms at (m, 3) from a point of the line, which runs along the Burgers vector (3,)."""
    along = burgers / np.linalg.norm(burgers)
    across = np.array([-along[1], along[0], 0.0])
    return np.outer(np.arctan2(away[:, 2], away @ across) / (2 * np.pi), burgers)


def _room(crystal: Cloud, core: np.ndarray, burgers: np.ndarray) -> float:
    """The smallest distance between atoms around the core after the displacement."""
    away = crystal.positions[:, :2] - core
    near = (np.linalg.norm(away, axis=1) < 0.6) & (np.abs(crystal.positions[:, 2]) < 0.6)
    moved = crystal.positions[near] + edge_displacement(away[near], burgers)
    return spread(moved)


def _geometry(specimen: Specimen, burgers: np.ndarray, line: np.ndarray, slip: np.ndarray) -> dict[str, Fact]:
    """Burgers vector, nm, direction of the line, and the plane that both lie in, given its normal."""
    return {
        "burgers": tuple(burgers.tolist()),
        "line": tuple(line.tolist()),
        "slip_plane": " ".join(map(str, miller(specimen.seen, slip))),
    }
