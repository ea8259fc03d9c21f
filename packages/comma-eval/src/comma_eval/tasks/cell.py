"""The conventional cell of a crystal: what the task `lattice` takes for the truth."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from comma_data.sample import RawStructure
from comma_encoders.progress import bar
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

TARGETS = ("a", "b", "c", "volume per atom")
"""Lengths in Å and Å³ per atom."""
SYMPREC = 0.01
"""Å by which atoms may be off their symmetric places; pymatgen's default."""


def conventional(structure: RawStructure) -> Mapping[str, float] | None:
    """`TARGETS` of the standardised conventional cell; None where there is none.

    Axes are chosen by pymatgen's conventions (Setyawan and Curtarolo 2010, doi:10.1016/j.commatsci.2010.05.010), so
    that the answer does not depend on the cell in which the structure is given. A structure that does not repeat in
    all directions has no lattice constants, and in some spglib finds no symmetry.
    """
    if not np.all(structure["periodic"]):
        return None
    crystal = Structure(structure["cell"], structure["numbers"], structure["positions"], coords_are_cartesian=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen on noble gases, spglib on its own interface
        try:
            found = SpacegroupAnalyzer(crystal, symprec=SYMPREC).get_conventional_standard_structure()
        except (SymmetryUndeterminedError, ValueError):
            return None
    return dict(zip(TARGETS, (*found.lattice.abc, found.volume / len(found)), strict=True))


def conventionals(structures: Sequence[RawStructure]) -> list[Mapping[str, float] | None]:
    """The cells of many: about 15 ms each, with a bar on a terminal."""
    found = []
    with bar("conventional cells", len(structures)) as done:
        for structure in structures:
            found.append(conventional(structure))
            done(1)
    return found
