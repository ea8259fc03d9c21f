"""Neighbour lists: agreement with brute force on odd and random cells, and speed beside other searches.

Run in the root of the repository:

    COMMA_DATA=DIR python -m benchmarks.neighbours
"""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
from comma_encoders.errors import InputError
from comma_encoders.modalities.structure import neighbours as ours
from comma_encoders.modalities.structure.guard import completed
from pymatgen.core import Structure
from pymatgen.optimization.neighbors import find_points_in_spheres

from benchmarks.results_form import ROOT, row, write_result
from benchmarks.suite.crystals import collections
from benchmarks.suite.measure import alternate

CUTOFF = 5.0
RANDOM = 1000
CRYSTALS = 200
SEARCHES = {"every pair": 10**9, "cells of space": 0}
"""Name -> atoms from which on the second search is used."""


def main() -> None:
    """Compare, time, and write the result."""
    start = time.perf_counter()
    rows = [*_agreement(), *_speed()]
    path = write_result(
        "neighbours",
        what=(
            "Neighbour lists within 5 Å beside a brute-force list over all images that could matter: the odd cells of "
            f"the package's tests and {RANDOM} random ones, by each of the two searches; and the time for crystals of "
            "the Materials Project, one after the other on one thread, beside other searches (ratio: theirs / ours)"
        ),
        command="COMMA_DATA=DIR python -m benchmarks.neighbours",
        rows=rows,
        seconds=time.perf_counter() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def _tests() -> ModuleType:
    """The table of odd cells and the brute-force search of the package's tests."""
    path = ROOT / "packages" / "comma-encoders" / "tests" / "test_neighbours.py"
    spec = importlib.util.spec_from_file_location("neighbours_tests", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _agreement() -> Iterator[dict[str, Any]]:
    tests = _tests()
    odd = [tests.case(name) for name in tests.NASTY if name != "atoms far outside"]
    usual = ours.LARGE
    for search, least in SEARCHES.items():
        ours.LARGE = least
        for name, cases in (("odd cells", odd), ("random cells", list(_random()))):
            agreeing = sum(_agrees(tests, *case) for case in cases)
            yield row("agree with brute force", agreeing, n=len(cases), search=search, cases=name)
    ours.LARGE = usual


def _random() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for seed in range(RANDOM):
        rng = np.random.default_rng(seed)
        periodic = rng.random(3) < 0.8
        cell = completed(4 * np.eye(3) + rng.uniform(-1.5, 1.5, (3, 3)), periodic)
        yield rng.uniform(-1, 2, (int(rng.integers(1, 5)), 3)) @ cell, cell, periodic


def _agrees(tests: ModuleType, points: np.ndarray, cell: np.ndarray, periodic: np.ndarray) -> bool:
    """The same pairs with the same vectors; a refusal agrees where two atoms are too near."""
    expected = tests.brute_force(points, cell, periodic, CUTOFF)
    lengths = np.linalg.norm(expected[:, 2:], axis=1)
    try:
        found = tests.as_rows(ours.neighbours(points, cell, periodic, CUTOFF))
    except InputError:
        return bool(lengths.min() < ours.MIN_DISTANCE)
    return found.shape == expected.shape and bool(np.allclose(found, expected, atol=1e-9))


def _speed() -> Iterator[dict[str, Any]]:
    crystals = list(collections())[-1]
    values = crystals.structures(CRYSTALS)
    everywhere = np.ones(3, dtype=bool)
    structures = [Structure(v["cell"], v["numbers"], v["positions"], coords_are_cartesian=True) for v in values]

    def comma() -> None:
        for value in values:
            ours.neighbours(value["positions"], value["cell"], everywhere, CUTOFF)

    for peer, work in _peers(values, structures):
        costs = alternate(comma, work, pairs=10)
        ratios = sorted(costs.ratios)
        labels: dict[str, Any] = {"peer": peer, "crystals": f"{len(values)}, {crystals.name}"}
        yield row(
            "ratio, peer / comma", float(np.median(ratios)), n=len(ratios), low=ratios[1], high=ratios[-2], **labels
        )
        yield row(
            "structures per second", len(values) / float(np.median(costs.comma)), n=len(ratios), by="comma", **labels
        )
        yield row(
            "structures per second", len(values) / float(np.median(costs.peer)), n=len(ratios), by="peer", **labels
        )


def _peers(values: list[Any], structures: list[Structure]) -> Iterator[tuple[str, Callable[[], None]]]:
    def get_neighbor_list() -> None:
        for structure in structures:
            structure.get_neighbor_list(CUTOFF)

    def in_spheres() -> None:
        pbc = np.ones(3, dtype=np.int64)
        for value in values:
            points = value["positions"]
            find_points_in_spheres(points, points, r=CUTOFF, pbc=pbc, lattice=value["cell"], tol=1e-8)

    yield "pymatgen, get_neighbor_list", get_neighbor_list
    yield "pymatgen, find_points_in_spheres", in_spheres


if __name__ == "__main__":
    main()
