"""Crystals of the Materials Project by part of the split, each with its crystal system."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spglib
from comma_data.sample import RawStructure, Record
from comma_data.sources import structures
from comma_data.split import Split, fold

SPLIT = Split(test_fold=0)
SITES = 60
"""Larger cells are left out: they cost most of the time."""
TOLERANCE = 0.1
"""Å, within which atoms count as symmetric; the Materials Project takes the same."""
LAST = {2: "triclinic", 15: "monoclinic", 74: "orthorhombic", 142: "tetragonal", 167: "trigonal", 194: "hexagonal"}
"""Last space group of each crystal system but the cubic one."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """One crystal."""

    formula: str
    structure: RawStructure
    system: str
    """Crystal system."""


def materials(data: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, list[Material]]:
    """Crystals drawn at random for each part of the split by formula: test is fold 0, validation fold 1.

    Args:
        data: the folder named by COMMA_DATA.
        counts: `train`, `validation`, `test` -> how many at most.
        seed: of the draw.
    """
    found: dict[str, list[Record]] = defaultdict(list)
    for item in structures.read(data / "materials-project"):
        if isinstance(item, Record) and item.formula and len(item.value["numbers"]) <= SITES:
            found[SPLIT.part(fold(item.formula))].append(item)
    rng = np.random.default_rng(seed)
    drawn = {part: rng.permutation(len(found[part]))[:count] for part, count in counts.items()}
    return {part: [_material(found[part][i]) for i in chosen] for part, chosen in drawn.items()}


def _material(record: Record) -> Material:
    return Material(formula=str(record.formula), structure=record.value, system=system(record.value))


def system(structure: RawStructure) -> str:
    """The crystal system by spglib (Togo et al. 2024, doi:10.1080/27660400.2024.2384822); triclinic where it fails."""
    cell = np.asarray(structure["cell"])
    fractions = np.asarray(structure["positions"]) @ np.linalg.inv(cell)
    crystal = (cell.tolist(), fractions.tolist(), np.asarray(structure["numbers"]).tolist())
    found = spglib.get_symmetry_dataset(crystal, symprec=TOLERANCE)
    number = 1 if found is None else found.number
    return next((name for last, name in LAST.items() if number <= last), "cubic")
