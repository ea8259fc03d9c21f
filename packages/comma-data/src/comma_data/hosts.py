"""Which structures become hosts of simulated defects, and along which zone they are seen."""

import hashlib
import itertools
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

from comma_data.errors import DataError, StructureError
from comma_data.sample import RawStructure, Sample
from comma_data.simulate.defects.defect import Specimen
from comma_data.simulate.defects.kinds import KINDS
from comma_data.simulate.defects.lattice import resolution
from comma_data.simulate.projection import View, Zone, full_cell, view

RESOLVED_NM = 0.1
"""Columns closer than this are not told apart by an ordinary corrected probe."""

ZONES: tuple[Zone, ...] = tuple(
    (u, v, w) for u, v, w in itertools.product((-1, 0, 1), repeat=3) if next((i for i in (u, v, w) if i), 0) > 0
)
"""The 13 directions with indices up to 1."""

TRIED = 3
"""Resolved zones that are tried, the shortest repeat first."""

LIKE = 2
"""Hosts of one structure type: anonymous formula and space group."""

SYMPREC = 0.05
"""Å: how far atoms may lie from symmetric places."""

POOL = 20
"""Candidates that are sorted into crystal systems, per host that is wanted."""


def choose_hosts(samples: Iterable[Sample], number: int, *, max_sites: int = 12) -> tuple[Sample, ...]:
    """Different hosts by a fixed rule, which no result can sway.

    Of the structures that are periodic in three directions, hold two or more elements and at most `max_sites` atoms,
    the first 20 per wanted host are taken in the order of a hash of their ids, sorted into the crystal systems, and
    the systems give one in turn. Passed over are: a formula that is chosen already, a third of a structure type, and
    a crystal that no zone shows with columns 0.1 nm apart and every kind of defect possible.

    Raises:
        DataError: fewer than `number` are found.
    """
    suited = [sample for sample in samples if _may_host(sample, max_sites)]
    pool = sorted(suited, key=lambda sample: _rank(sample.id))[: POOL * number]
    chosen = tuple(itertools.islice(_accepted(_in_turn(pool)), number))
    if len(chosen) < number:
        raise DataError(
            f"{len(chosen)} of {number} hosts found among {len(suited)} structures of at most {max_sites} sites:"
            " give more structures or ask for fewer hosts"
        )
    return chosen


def host_view(structure: RawStructure) -> View:
    """The crystal along the zone with the shortest repeat that resolves its columns and allows every kind of defect.

    Raises:
        StructureError: `not-periodic`, or `no-zone`; the message says what failed for each zone that was tried.
    """
    cell = full_cell(structure)
    failures = []
    zones = sorted(ZONES, key=lambda zone: (round(float(np.linalg.norm(np.array(zone) @ cell)), 6), zone))
    resolved = (seen for zone in zones if resolution(seen := view(structure, zone)) >= RESOLVED_NM)
    for seen in itertools.islice(resolved, TRIED):
        failure = _failure(seen)
        if failure is None:
            return seen
        failures.append(f"{seen.zone}: {failure}")
    msg = f"no zone shows columns {RESOLVED_NM} nm apart and every kind of defect; {'; '.join(failures) or 'none does'}"
    raise StructureError("no-zone", msg)


def _failure(seen: View) -> str | None:
    """Why a kind of defect is impossible in this view, None where all are possible."""
    edge = 4.0
    specimen = Specimen(seen=seen, box_nm=(edge, edge, 2.0), offset=(0.0, 0.0, 0.0), centre=np.zeros(2))
    for kind, make in KINDS.items():
        try:
            make(specimen, np.random.default_rng(0))
        except StructureError as error:
            return f"{kind} ({error.code})"
    return None


def _may_host(sample: Sample, max_sites: int) -> bool:
    if not sample.fields.get("structure"):
        return False
    structure: RawStructure = sample.fields["structure"][0]
    numbers = structure["numbers"]
    return bool(np.all(structure["periodic"])) and len(numbers) <= max_sites and len(np.unique(numbers)) > 1


def _rank(identifier: str) -> str:
    return hashlib.sha256(f"host:{identifier}".encode()).hexdigest()


def _in_turn(pool: Sequence[Sample]) -> Iterator[tuple[Sample, str]]:
    """Samples and their structure types, one crystal system after the other as long as each lasts."""
    systems: dict[str, list[tuple[Sample, str]]] = defaultdict(list)
    for sample in pool:
        system, kind = _symmetry(sample.fields["structure"][0])
        systems[system].append((sample, kind))
    queues = [systems[name] for name in sorted(systems)]
    return (entry for turn in itertools.zip_longest(*queues) for entry in turn if entry is not None)


def _accepted(entries: Iterator[tuple[Sample, str]]) -> Iterator[Sample]:
    formulas: set[str] = set()
    kinds: Counter[str] = Counter()
    for sample, kind in entries:
        formula = sample.groups.get("formula", sample.id)
        if formula in formulas or kinds[kind] == LIKE or not _allows_all(sample):
            continue
        formulas.add(formula)
        kinds[kind] += 1
        yield sample


def _allows_all(sample: Sample) -> bool:
    try:
        host_view(sample.fields["structure"][0])
    except StructureError:
        return False
    return True


def _symmetry(structure: RawStructure) -> tuple[str, str]:
    """Crystal system and structure type; `unknown` where no symmetry is found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen on noble gases, spglib on its own interface
        crystal = Structure(structure["cell"], structure["numbers"], structure["positions"], coords_are_cartesian=True)
        try:
            analyzer = SpacegroupAnalyzer(crystal, symprec=SYMPREC)
            system, group = str(analyzer.get_crystal_system()), analyzer.get_space_group_number()
        except (SymmetryUndeterminedError, ValueError):
            return "unknown", "unknown"
        return system, f"{crystal.composition.anonymized_formula} {group}"
