"""Structures of one formula that are the same crystal, found by pymatgen's structure matcher."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

import comma_data
from comma_data.curate import Curated, recounted, sample_id
from comma_data.memory import Memory, digest
from comma_data.pool import Engine, Serial, TooSlowError, time_limit
from comma_data.sample import RawStructure, Record, Refusal

CODE = "duplicate-structure"
VOLUME = 0.1
"""Relative difference of the volumes per atom up to which two crystals are compared."""
CLOSE = 0.05
"""Relative difference of the `shells` up to which two crystals are compared. Of the pairs between two releases of the
Materials Project that the matcher calls equal, 97 % are closer; of its other pairs of one formula, 4 %."""
LENGTHS = 0.03
"""Relative difference of the edges of the reduced cells, scaled to one volume, up to which two crystals are compared.
The largest among 395 pairs that the matcher calls equal: 0.017; of its other close pairs three in four differ more."""
REACH, SHELLS, WIDTH = 3.0, 32, 0.1
"""Of the radial distribution in `shells`: reach, number of points, and Gaussian width, in (volume / atoms)^(1/3)."""
LONGEST = 20.0
"""Seconds for one comparison; two crystals that take longer count as different."""

Pair = tuple[int, int]


def without_duplicates(
    curated: Curated,
    *,
    engine: Engine = Serial(),  # noqa: B008 - frozen
    progress: Callable[[str, int], None] = lambda _what, _done: None,
    memory: Path | None = None,
) -> Curated:
    """The records with each crystal once: the first one read, with the targets that only its duplicates have.

    A duplicate is refused as `duplicate-structure`, with the name of what it repeats, whose provenance lists it.

    Args:
        curated: Accepted records; a structure has its formula.
        engine: What compares.
        progress: Is told how many formulas were compared.
        memory: File in which results are kept while they come, and looked up.
    """
    by_formula: defaultdict[str | None, list[Record]] = defaultdict(list)
    for record in curated.accepted:
        if record.modality == "structure" and record.value["periodic"].all():
            by_formula[record.formula].append(record)
    several = sorted((records for records in by_formula.values() if len(records) > 1), key=len, reverse=True)
    values = [[r.value for r in records] for records in several]
    found = Memory(memory).map(engine, repeats, values, key=_key, on_death=lambda _: None, size=4)
    uncompared: list[str] = []
    first_of: dict[int, Record] = {}
    again_of: defaultdict[int, list[Record]] = defaultdict(list)
    for number, (records, pairs) in enumerate(zip(several, found, strict=True), start=1):
        progress("formulas compared", number)
        if pairs is None:  # the process that compared them died
            uncompared.append(str(records[0].formula))
            continue
        for again, first in pairs:
            first_of[id(records[again])] = records[first]
            again_of[id(records[first])].append(records[again])
    firsts = (r for r in curated.accepted if id(r) not in first_of)
    kept = tuple(_enriched(r, again_of[id(r)]) if id(r) in again_of else r for r in firsts)
    refused = tuple(_refusal(r, first_of[id(r)]) for r in curated.accepted if id(r) in first_of)
    merged = {sample_id(r.key): sample_id(first_of[id(r)].key) for r in curated.accepted if id(r) in first_of}
    found_so = recounted(curated, accepted=kept, refused=(*curated.refused, *refused))
    return replace(found_so, merged=merged, uncompared=tuple(sorted(uncompared)))


def _key(structures: Sequence[RawStructure]) -> str:
    arrays = (np.ascontiguousarray(s[name]) for s in structures for name in ("numbers", "positions", "cell"))
    return digest(comma_data.__version__.encode(), *(array.tobytes() for array in arrays))


def repeats(structures: Sequence[RawStructure]) -> list[Pair]:
    """(i, j): structure i is the crystal of structure j, j < i, and j is that of no earlier one.

    Two crystals are compared where their primitive cells have as many atoms, their volumes per atom differ by at most
    `VOLUME`, their `shells` by at most `CLOSE` and their edges by at most `LENGTHS`; the matcher decides.

    Args:
        structures: Of one reduced formula, periodic in three directions.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # spglib's own deprecations
        crystals = [_crystal(structure) for structure in structures]
        firsts: list[int] = []
        found: list[Pair] = []
        for i, crystal in enumerate(crystals):
            match = next((j for j in _nearest(crystal, firsts, crystals) if _same(crystal, crystals[j])), None)
            if match is None:
                firsts.append(i)
            else:
                found.append((i, match))
    return found


def shells(crystal: Structure) -> np.ndarray:
    """How many neighbours stand how far, (species, species, SHELLS), averaged over atoms; the same for any cell.

    Lengths are in (volume / atoms)^(1/3), so that a crystal and its scaled copy agree.
    """
    unit = (crystal.volume / len(crystal)) ** (1 / 3)
    centre, neighbour, _, distance = crystal.get_neighbor_list(REACH * unit)
    species, kind = np.unique(crystal.atomic_numbers, return_inverse=True)
    scaled = distance / unit
    weights = np.exp(-0.5 * ((scaled[:, None] - np.linspace(0.5, REACH, SHELLS)) / WIDTH) ** 2)
    weights *= 0.5 * (1 + np.cos(np.pi * scaled / REACH))[:, None]
    counts = np.zeros((len(species) ** 2, SHELLS))
    np.add.at(counts, kind[centre] * len(species) + kind[neighbour], weights)
    return counts.reshape(len(species), len(species), SHELLS) / len(crystal)


@dataclass(frozen=True, kw_only=True)
class _Crystal:
    reduced: Structure
    volume: float
    """Å³ per atom."""
    edges: np.ndarray
    """Lengths of the reduced cell, the shortest first, over the cube root of its volume."""
    shells: np.ndarray

    def distance(self, other: "_Crystal") -> float:
        return float(np.linalg.norm(self.shells - other.shells) / np.linalg.norm(self.shells))

    def may_be(self, other: "_Crystal") -> bool:
        """Whether a comparison can find them equal, by what is quickly compared."""
        return (
            len(self.reduced) == len(other.reduced)
            and abs(self.volume - other.volume) <= VOLUME * min(self.volume, other.volume)
            and bool(np.abs(self.edges - other.edges).max() <= LENGTHS * self.edges.max())
        )


def _crystal(raw: RawStructure) -> _Crystal:
    """What is compared; of a crystal that takes too long, something that is like no other."""
    try:
        with time_limit(LONGEST):
            return _reduced(raw)
    except TooSlowError:
        one = Structure(Lattice.cubic(1.0), ["H"], [[0.0, 0.0, 0.0]])
        return _Crystal(reduced=one, volume=np.inf, edges=np.ones(3), shells=np.zeros((1, 1, SHELLS)))


def _reduced(raw: RawStructure) -> _Crystal:
    full = Structure(Lattice(raw["cell"]), list(raw["numbers"]), raw["positions"], coords_are_cartesian=True)
    reduced = full.get_primitive_structure().get_reduced_structure()
    edges = np.sort(reduced.lattice.abc) / reduced.volume ** (1 / 3)
    return _Crystal(reduced=reduced, volume=reduced.volume / len(reduced), edges=edges, shells=shells(reduced))


def _nearest(crystal: _Crystal, firsts: Sequence[int], crystals: Sequence[_Crystal]) -> list[int]:
    """Which of the first ones may be the same crystal, the most similar first."""
    near = {j: crystal.distance(crystals[j]) for j in firsts if crystal.may_be(crystals[j])}
    return sorted((j for j, distance in near.items() if distance <= CLOSE), key=near.__getitem__)


def _same(one: _Crystal, other: _Crystal) -> bool:
    matcher = StructureMatcher(primitive_cell=False)
    try:
        with time_limit(LONGEST):
            return bool(matcher.fit(one.reduced, other.reduced, skip_structure_reduction=True))
    except TooSlowError:
        return False


def _enriched(record: Record, duplicates: Sequence[Record]) -> Record:
    """The record with the names of its duplicates and the targets that only they have."""
    targets: dict[str, float | str] = {}
    for other in reversed(duplicates):
        targets.update(other.targets)
    names = " ".join(other.key for other in duplicates)
    known: Mapping[str, str] = {**record.provenance, "duplicates": names}
    return replace(record, targets={**targets, **record.targets}, provenance=known)


def _refusal(record: Record, first: Record) -> Refusal:
    message = f"{record.source} {record.key}: the same crystal as {first.source} {first.key}, which is kept"
    return Refusal(source=record.source, key=record.key, code=CODE, message=message)
