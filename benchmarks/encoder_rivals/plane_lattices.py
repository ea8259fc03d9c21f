"""The two-dimensional lattice that a crystal shows along a beam."""

import itertools

import numpy as np
import spglib
from comma_data.sample import RawStructure
from comma_data.simulate.projection import Zone, frame

from benchmarks.encoder_rivals.materials import TOLERANCE

LATTICES = ("square", "rectangular", "centred", "hexagonal", "oblique")
SAME_LENGTH = 0.02
"""Relative difference up to which two edges are equal."""
SAME_ANGLE = 0.02
"""Difference of cosines up to which two angles are equal."""
REACH = 3
"""Multiples of the cell's vectors among which the shortest of the projection are looked for."""


def plane_vectors(structure: RawStructure, zone: Zone) -> np.ndarray:
    """Two shortest independent vectors of the primitive lattice, projected along the zone, (2, 2), Å."""
    cell = np.asarray(structure["cell"])
    fractions = np.asarray(structure["positions"]) @ np.linalg.inv(cell)
    crystal = (cell.tolist(), fractions.tolist(), np.asarray(structure["numbers"]).tolist())
    found = spglib.standardize_cell(crystal, to_primitive=True, no_idealize=True, symprec=TOLERANCE)
    primitive = cell if found is None else np.asarray(found[0])
    across = primitive @ frame(cell, zone)[:2].T
    steps = np.array(list(itertools.product(range(-REACH, REACH + 1), repeat=3)))
    points = steps @ across
    lengths = np.linalg.norm(points, axis=1)
    points, lengths = points[lengths > 0.2], lengths[lengths > 0.2]
    order = np.argsort(lengths.round(3), kind="stable")
    first = points[order[0]]
    area = np.abs(points[:, 0] * first[1] - points[:, 1] * first[0])
    second = points[next(i for i in order if area[i] > 0.1 * lengths[i] * lengths[order[0]])]
    return np.stack([first, second])


def lattice_class(vectors: np.ndarray) -> str:
    """One of the five plane lattices, from two shortest vectors (International Tables for Crystallography A, 3.1.2)."""
    short, long = np.linalg.norm(vectors, axis=1)
    cosine = abs(vectors[0] @ vectors[1]) / (short * long)
    equal = (long - short) / long < SAME_LENGTH
    if cosine < SAME_ANGLE:
        return "square" if equal else "rectangular"
    if equal and abs(cosine - 0.5) < SAME_ANGLE:
        return "hexagonal"
    # of two shortest vectors, one of a centred rectangle's is the diagonal: equal lengths, or half of the edge
    half = abs(cosine * long - 0.5 * short) < SAME_ANGLE * short
    return "centred" if equal or half else "oblique"
