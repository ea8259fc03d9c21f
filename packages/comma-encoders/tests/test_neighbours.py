"""Neighbour lists against brute force."""

import itertools

import numpy as np
import pytest
from comma_encoders.errors import InputError
from comma_encoders.modalities.structure import neighbours as module
from comma_encoders.modalities.structure.guard import completed
from comma_encoders.modalities.structure.neighbours import neighbours
from hypothesis import given, settings
from hypothesis import strategies as st

CUTOFF = 5.0
DIAMOND = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])

NASTY = {
    "cutoff larger than the cell": (np.eye(3) * 2.2, [[0, 0, 0]], True),
    "skewed": (np.array([[3.0, 0, 0], [8.5, 3.1, 0], [-7.2, 5.9, 3.3]]), [[0.1, 0.2, 0.3], [1.5, 1.6, 1.7]], True),
    "left-handed": (np.diag([3.0, 4.0, -5.0]), [[0, 0, 0], [1.2, 1.3, -1.4]], True),
    "atoms outside": (np.eye(3) * 4, [[-9.0, 13.0, 0.5], [22.0, -1.0, 2.0]], True),
    "atoms far outside": (np.eye(3) * 4, [[4000.0, 0, 0], [-4002.0, 2.0, 2.0]], True),
    "needle": (np.diag([1.5, 40.0, 40.0]), [[0, 0, 0], [0, 20.0, 20.0]], True),
    "plate": (np.diag([30.0, 30.0, 1.2]), [[0, 0, 0], [15.0, 15.0, 0.3]], True),
    "distance equal to the cutoff": (np.eye(3) * 2.5, [[0, 0, 0]], True),
    "distance equal to the cutoff, off axis": (np.eye(3) * 50.0, [[0, 0, 0], [3.0, 4.0, 0]], True),
    "primitive": (DIAMOND * 2.8, [[0, 0, 0], [1.4, 1.4, 1.4]], True),
    "slab": (np.diag([3.0, 3.0, 0.0]), [[0, 0, 0], [1.5, 1.5, 2.0]], [True, True, False]),
    "tilted slab": (np.array([[3.0, 0, 1], [0, 3.0, 0], [0, 0, 0]]), [[0, 0, 0], [1.5, 1.5, 9.0]], [True, True, False]),
    "wire": (np.diag([0.0, 0.0, 2.5]), [[0, 0, 0], [1.5, 1.5, 9.0]], [False, False, True]),
    "molecule": (np.zeros((3, 3)), [[0, 0, 0], [1.1, 0, 0], [0, 30.0, 0]], False),
    "one atom": (np.zeros((3, 3)), [[0, 0, 0]], False),
}


def brute_force(positions, cell, periodic, cutoff):
    """(i, j, x, y, z) over as many images as could matter, in lexical order."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    spread = np.ceil(np.ptp(positions @ np.linalg.inv(cell), axis=0))
    reach = np.where(periodic, np.ceil(cutoff / heights) + spread + 1, 0).astype(int)
    found = []
    for shift in itertools.product(*(range(-r, r + 1) for r in reach)):
        delta = positions[None, :] + np.array(shift) @ cell - positions[:, None]
        square = (delta**2).sum(axis=2)
        near = (square <= cutoff**2) & ~(np.eye(len(positions), dtype=bool) & (not any(shift)))
        found += [(i, j, *delta[i, j]) for i, j in np.argwhere(near)]
    return in_order(np.array(found).reshape(-1, 5))


def in_order(rows):
    return rows[np.lexsort(rows.round(6).T[::-1])]


def as_rows(found):
    target = np.repeat(np.arange(len(found.start) - 1), np.diff(found.start))
    return in_order(np.column_stack([target, found.source, found.vector]))


def case(name):
    cell, positions, periodic = NASTY[name]
    pbc = np.broadcast_to(periodic, (3,))
    return np.asarray(positions, dtype=float), completed(np.asarray(cell), pbc), pbc


@pytest.fixture(params=["every pair", "cells of space"])
def search(request, monkeypatch):
    """Both searches, whatever the number of atoms."""
    monkeypatch.setattr(module, "LARGE", 0 if request.param == "cells of space" else 10**9)


@pytest.mark.usefixtures("search")
@pytest.mark.parametrize("name", [name for name in NASTY if name != "atoms far outside"])
def test_neighbours_agree_with_brute_force(name):
    points, cell, pbc = case(name)
    np.testing.assert_allclose(as_rows(neighbours(points, cell, pbc, CUTOFF)), brute_force(points, cell, pbc, CUTOFF))


def test_atoms_far_outside_have_the_neighbours_of_atoms_inside():
    points, cell, pbc = case("atoms far outside")
    inside = points - np.floor(points @ np.linalg.inv(cell) + 1e-9) @ cell
    found, expected = neighbours(points, cell, pbc, CUTOFF), neighbours(inside, cell, pbc, CUTOFF)
    np.testing.assert_allclose(as_rows(found), as_rows(expected), atol=1e-9)


@settings(max_examples=200)
@given(st.integers(0, 2**31))
def test_neighbours_of_random_crystals_agree_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    cell = 4 * np.eye(3) + rng.uniform(-1.5, 1.5, (3, 3))
    points = rng.uniform(-1, 2, (int(rng.integers(1, 5)), 3)) @ cell
    periodic = rng.random(3) < 0.8
    full = completed(cell, periodic)
    expected = brute_force(points, full, periodic, 4.0)
    if len(expected) and np.linalg.norm(expected[:, 2:], axis=1).min() < module.MIN_DISTANCE:
        with pytest.raises(InputError, match="apart"):
            neighbours(points, full, periodic, 4.0)
        return
    np.testing.assert_allclose(as_rows(neighbours(points, full, periodic, 4.0)), expected, atol=1e-9)


@pytest.mark.usefixtures("search")
def test_every_pair_stands_there_in_both_directions():
    rng = np.random.default_rng(5)
    cell = 9 * np.eye(3) + rng.uniform(-1, 1, (3, 3))
    lattice = np.array(list(itertools.product(range(4), repeat=3))) / 4
    found = as_rows(neighbours((lattice + rng.uniform(0, 0.05, lattice.shape)) @ cell, cell, np.ones(3, bool), 5.0))
    reverse = np.column_stack([found[:, 1], found[:, 0], -found[:, 2:]])
    np.testing.assert_allclose(found, in_order(reverse))


@pytest.mark.usefixtures("search")
@pytest.mark.parametrize("apart", [0.0, 1e-9, 0.3])
def test_coincident_atoms_are_refused(apart):
    points = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0 + apart]])
    with pytest.raises(InputError, match="apart"):
        neighbours(points, np.eye(3) * 6, np.ones(3, bool), CUTOFF)


def test_both_searches_agree_on_a_large_cell(monkeypatch):
    rng = np.random.default_rng(1)
    cell = 24 * np.eye(3) + rng.uniform(-2, 2, (3, 3))
    grid = np.array(list(itertools.product(range(9), repeat=3))) / 9
    points = (grid + rng.uniform(0, 0.04, grid.shape)) @ cell
    large = neighbours(points, cell, np.ones(3, bool), 5.0)
    monkeypatch.setattr(module, "LARGE", 10**9)
    np.testing.assert_allclose(as_rows(large), as_rows(neighbours(points, cell, np.ones(3, bool), 5.0)), atol=1e-9)
    assert len(large.source) > 15_000


@pytest.mark.parametrize("periodic", [True, False])
def test_few_atoms_in_a_large_space_take_no_memory_for_what_is_empty(periodic):
    points = np.linspace(0, 1, 700)[:, None] * np.full(3, 50_000.0)
    points[1::2] = points[::2] + np.array([2.0, 0, 0])
    pbc = np.full(3, periodic)
    found = neighbours(points, completed(np.eye(3) * 60_000, pbc), pbc, CUTOFF)
    assert len(found.source) == 700
