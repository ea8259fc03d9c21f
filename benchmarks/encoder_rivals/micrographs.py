"""Simulated micrographs of known scale, whose grey levels take a small part of 16 bits, with what they show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from comma_data.errors import StructureError
from comma_data.simulate.conditions import conditions
from comma_data.simulate.stem import draw_zone, image

from benchmarks.encoder_rivals.materials import Material
from benchmarks.encoder_rivals.plane_lattices import lattice_class, plane_vectors

FIELD_NM = (1.5, 6.0)
"""Edge of the field of view, drawn evenly in logarithms."""
EDGE = (64, 192)
"""Pixels along an edge."""
LEVELS = (256, 8192)
"""Grey levels that the picture takes, out of 65,536, drawn evenly in logarithms; the pedestal below is anywhere."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A micrograph and its labels."""

    image: Any
    lattice: str
    repeat_nm: float
    """Shortest vector of the plane lattice."""
    formula: str


def shown(crystals: Sequence[Material], seed: int) -> list[Shown]:
    """One micrograph of each crystal that can be drawn."""
    found = [_shown(crystal, np.random.default_rng([seed, i])) for i, crystal in enumerate(crystals)]
    return [one for one in found if one is not None]


def _shown(crystal: Material, rng: np.random.Generator) -> Shown | None:
    own = int(rng.integers(2**31))
    field = float(np.exp(rng.uniform(*np.log(FIELD_NM))))
    zone = draw_zone(crystal.structure, own)
    under = replace(conditions(own), field_nm=field)
    try:
        made = image(crystal.structure, seed=own, zone=zone, size=int(rng.integers(*EDGE)), under=under)
    except StructureError:
        return None
    vectors = plane_vectors(crystal.structure, zone)
    return Shown(
        image={**made, "pixels": faint(made["pixels"], rng)},
        lattice=lattice_class(vectors),
        repeat_nm=0.1 * float(np.linalg.norm(vectors[0])),
        formula=crystal.formula,
    )


def faint(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture in a small part of its 16 bits, on a pedestal, as a detector with a wide range records it."""
    levels = float(np.exp(rng.uniform(*np.log(LEVELS))))
    pedestal = rng.uniform(0, 65_535 - levels)
    return np.round(pedestal + pixels * (levels / pixels.max())).astype(np.uint16)
