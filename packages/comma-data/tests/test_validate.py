import time
import tracemalloc
from itertools import islice

import numpy as np
import pytest
from comma_data.errors import StructureError
from comma_data.sources.structures import read
from comma_data.validate import Guard, check_structure, closest, heights
from hypothesis import assume, given
from hypothesis import strategies as st

RNG = np.random.default_rng(0)
CUBE = np.eye(3)
YES, NO = np.ones(3, dtype=bool), np.zeros(3, dtype=bool)


def crystal(cell=4.0 * CUBE, positions=((0.0, 0.0, 0.0), (2.0, 2.0, 2.0)), numbers=(11, 17), periodic=YES, **more):
    return {
        "numbers": np.array(numbers),
        "positions": np.array(positions, dtype=float).reshape(-1, 3),
        "cell": np.array(cell, dtype=float),
        "periodic": np.array(periodic),
        **more,
    }


def changed(name, value):
    return {**crystal(), name: value}


def grid(n, spacing):
    axis = np.arange(n) * spacing
    return np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)


NAN, INF = np.full((3, 3), np.nan), np.full((3, 3), np.inf)
PATHOLOGICAL = {
    "nan cell": (changed("cell", NAN), "not-finite"),
    "infinite cell": (changed("cell", INF), "not-finite"),
    "one nan in the cell": (changed("cell", [[4, 0, 0], [0, 4, 0], [0, 0, np.nan]]), "not-finite"),
    "nan position": (crystal(positions=((np.nan, 0, 0), (2, 2, 2))), "not-finite"),
    "infinite position": (crystal(positions=((np.inf, 0, 0), (2, 2, 2))), "not-finite"),
    "nan charge": (crystal(charges=np.array([np.nan, 0.0])), "not-finite"),
    "nan molecule": (crystal(periodic=NO, positions=((np.nan, 0, 0), (2, 2, 2))), "not-finite"),
    "position beyond all sense": (crystal(positions=((1e300, 0, 0), (2, 2, 2))), "extent-too-large"),
    "cell beyond all sense": (crystal(cell=1e200 * CUBE), "extent-too-large"),
    "position of 1e7 Å": (crystal(positions=((1e7, 0, 0), (2, 2, 2))), "extent-too-large"),
    "atomic number 0": (crystal(numbers=(0, 17)), "bad-atomic-number"),
    "negative atomic number": (crystal(numbers=(-1, 17)), "bad-atomic-number"),
    "atomic number 119": (crystal(numbers=(11, 119)), "bad-atomic-number"),
    "huge atomic number": (crystal(numbers=(11, 2**40)), "bad-atomic-number"),
    "fractional atomic numbers": (crystal(numbers=(11.5, 17.0)), "bad-atomic-number"),
    "atomic numbers as text": (crystal(numbers=("Na", "Cl")), "bad-atomic-number"),
    "no atoms": (crystal(numbers=np.zeros(0, int), positions=np.zeros((0, 3))), "no-atoms"),
    "no atoms, flat positions": ({**crystal(), "numbers": np.zeros(0, int), "positions": np.zeros(0)}, "no-atoms"),
    "too many atoms": (
        crystal(cell=500 * CUBE, numbers=np.full(2001, 6), positions=RNG.uniform(0, 500, (2001, 3))),
        "too-many-atoms",
    ),
    "a million atoms": (
        crystal(cell=5000 * CUBE, numbers=np.full(10**6, 6), positions=np.zeros((10**6, 3))),
        "too-many-atoms",
    ),
    "more positions than numbers": (crystal(numbers=(11,)), "wrong-shape"),
    "numbers in two dimensions": (changed("numbers", np.array([[11, 17]])), "wrong-shape"),
    "flat positions": (changed("positions", np.zeros(6)), "wrong-shape"),
    "positions in the plane": (changed("positions", np.zeros((2, 2))), "wrong-shape"),
    "cell of two vectors": (changed("cell", np.zeros((2, 3))), "wrong-shape"),
    "cell as lengths and angles": (changed("cell", np.array([4.0, 4, 4, 90, 90, 90])), "wrong-shape"),
    "no cell": (changed("cell", None), "wrong-shape"),
    "one flag": (changed("periodic", np.array(1, dtype=bool)), "wrong-shape"),
    "flags as numbers": (changed("periodic", np.array([1, 1, 1])), "wrong-shape"),
    "flags as text": (changed("periodic", np.array(["a", "b", "c"])), "wrong-shape"),
    "complex positions": (changed("positions", np.zeros((2, 3), complex)), "wrong-shape"),
    "positions as objects": (changed("positions", np.full((2, 3), None)), "wrong-shape"),
    "charges of another length": (crystal(charges=np.zeros(3)), "wrong-shape"),
    "zero cell": (crystal(cell=0 * CUBE), "cell-not-periodic"),
    "one zero vector": (crystal(cell=np.diag([4.0, 4.0, 0.0])), "cell-not-periodic"),
    "slab without a vector": (crystal(cell=np.diag([4.0, 0, 0]), periodic=[True, True, False]), "cell-not-periodic"),
    "wire without a vector": (crystal(cell=0 * CUBE, periodic=[True, False, False]), "cell-not-periodic"),
    "parallel vectors": (crystal(cell=[[4, 0, 0], [8, 0, 0], [0, 0, 4]]), "cell-too-flat"),
    "vectors in a plane": (crystal(cell=[[4, 0, 0], [0, 4, 0], [4, 4, 0]]), "cell-too-flat"),
    "nearly in a plane": (crystal(cell=[[4, 0, 0], [0, 4, 0], [4, 4, 1e-9]]), "cell-too-flat"),
    "a cell of 1e-3 Å": (crystal(cell=1e-3 * CUBE), "cell-too-flat"),
    "a cell of 1e-300 Å": (crystal(cell=1e-300 * CUBE), "cell-too-flat"),
    "a sliver": (crystal(cell=np.diag([8.0, 8.0, 0.4])), "cell-too-flat"),
    "a skewed sliver": (crystal(cell=[[4, 0, 0], [100, 0.9, 0], [0, 0, 40]]), "cell-too-flat"),
    "a cubic lattice, skewed out of use": (crystal(cell=[[4, 0, 0], [400, 4, 0], [0, 0, 4]]), "cell-too-flat"),
    "a flat slab": (crystal(cell=np.diag([4.0, 0.4, 0]), periodic=[True, True, False]), "cell-too-flat"),
    "a short wire": (crystal(cell=np.diag([0.4, 0, 0]), periodic=[True, False, False]), "cell-too-flat"),
    "parallel slab": (crystal(cell=[[4, 0, 0], [4, 0, 0], [0, 0, 0]], periodic=[True, True, False]), "cell-too-flat"),
    "packed": (crystal(cell=1.2 * CUBE, positions=((0, 0, 0), (0.6,) * 3)), "atoms-too-dense"),
    "125 atoms in 4 Å": (crystal(numbers=[6] * 125, positions=grid(5, 0.8)), "atoms-too-dense"),
    "gas": (crystal(cell=20 * CUBE), "atoms-too-sparse"),
    "one atom in a hall": (crystal(cell=900 * CUBE, numbers=[6], positions=[[0, 0, 0]]), "atoms-too-sparse"),
    "one on the other": (crystal(positions=((1, 1, 1), (1, 1, 1))), "atoms-too-close"),
    "0.3 Å": (crystal(positions=((0, 0, 0), (0.3, 0, 0))), "atoms-too-close"),
    "close through a face": (crystal(positions=((0.1, 2, 2), (3.9, 2, 2))), "atoms-too-close"),
    "close through a corner": (crystal(positions=((0.1, 0.1, 0.1), (3.9, 3.9, 3.9))), "atoms-too-close"),
    "close outside the cell": (crystal(positions=((0, 0, 0), (40.1, -80.1, 4.1))), "atoms-too-close"),
    "close in a skewed cell": (
        crystal(cell=[[4, 0, 0], [6, 4, 0], [0, 0, 4]], positions=((0, 0, 0), (2.2, 4.1, 0))),
        "atoms-too-close",
    ),
    "close molecule": (crystal(periodic=NO, cell=0 * CUBE, positions=((0, 0, 0), (0.1, 0, 0))), "atoms-too-close"),
    "close slab": (
        crystal(periodic=[True, True, False], cell=np.diag([4.0, 4, 0]), positions=((0.1, 0, 0), (3.9, 0, 0))),
        "atoms-too-close",
    ),
    "scattered molecule": (
        crystal(periodic=NO, cell=0 * CUBE, positions=((0, 0, 0), (5000, 0, 0))),
        "extent-too-large",
    ),
    "slab with an atom far off": (
        crystal(periodic=[True, True, False], cell=np.diag([4.0, 4, 0]), positions=((0, 0, 0), (0, 0, 3000))),
        "extent-too-large",
    ),
    "a wire of 2000 Å": (
        crystal(periodic=[True, False, False], cell=np.diag([2000.0, 0, 0])),
        "extent-too-large",
    ),
}
SOUND = {
    "rock salt": crystal(),
    "slab": crystal(periodic=[True, True, False], cell=np.diag([4.0, 4.0, 0.0])),
    "slab with a vector across": crystal(periodic=[True, True, False], cell=4 * CUBE),
    "wire": crystal(periodic=[False, False, True], cell=np.diag([0.0, 0.0, 4.0])),
    "molecule": crystal(periodic=NO, cell=0 * CUBE),
    "molecule in a box": crystal(periodic=NO),
    "one atom": crystal(numbers=[29], positions=[[0, 0, 0]], cell=2.5 * CUBE),
    "lone atom": crystal(numbers=[29], positions=[[7, 7, 7]], cell=0 * CUBE, periodic=NO),
    "outside the cell": crystal(positions=((0, 0, 0), (402.0, -398.0, 2.0))),
    "skewed": crystal(cell=[[4, 0, 0], [6, 4, 0], [0, 0, 4]]),
    "left-handed": crystal(cell=-4 * CUBE),
    "hydrogen at 500 GPa": crystal(
        cell=np.diag([1.0, 1.5, 1.6]), numbers=[1, 1], positions=((0, 0, 0), (0.5, 0.75, 0.8))
    ),
    "a chain of hydrogen": crystal(
        cell=[[0.986, 0, 0], [0, 2.61, 0], [0, 0, 2.61]], numbers=[1], positions=[[0, 0, 0]]
    ),
    "with charges": crystal(charges=np.array([1.0, -1.0])),
}
MANY = np.arange(2000)
COSTLY = {
    "a tower as narrow as can be": crystal(
        cell=np.diag([0.51, 0.51, 8000.0]), numbers=np.ones(2000, int), positions=np.outer(MANY, [0, 0, 4.0])
    ),
    "a slab as narrow as can be": crystal(
        cell=np.diag([0.51, 0.51, 0.0]),
        numbers=np.ones(2000, int),
        positions=np.outer(MANY, [0, 0, 0.5]),
        periodic=[True, True, False],
    ),
    "a cube, skewed as far as can be": crystal(
        cell=12.7 * np.array([[16.0, 0, 5], [10, 1, 2], [3, 0, 1]]),
        numbers=np.ones(2000, int),
        positions=grid(13, 0.97)[:2000],
    ),
}


def test_the_table_is_as_long_as_it_is_meant_to_be():
    assert len(PATHOLOGICAL) >= 60


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_pathological_structures_are_refused_with_their_code(name):
    structure, code = PATHOLOGICAL[name]
    started = time.monotonic()
    with pytest.raises(StructureError) as error:
        check_structure(structure)
    assert error.value.code == code
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("name", SOUND)
def test_sound_structures_pass(name):
    check_structure(SOUND[name])


@pytest.mark.parametrize("name", COSTLY)
def test_the_costliest_sound_structures_take_no_second_and_no_500_mb(name):
    started = time.process_time()
    tracemalloc.start()
    try:
        check_structure(COSTLY[name])
        assert tracemalloc.get_traced_memory()[1] < 500e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 1


@given(st.integers(0, 10_000))
def test_the_choice_of_lattice_vectors_decides_nothing(seed):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(0.6, 3, 3)) + rng.uniform(-0.2, 0.2, (3, 3))
    positions = rng.uniform(-3, 3, (rng.integers(1, 4), 3))
    mixed = np.array([[1, rng.integers(-2, 3), rng.integers(-2, 3)], [0, 1, rng.integers(-2, 3)], [0, 0, 1]]) @ cell
    assume(min(heights(cell).min(), heights(mixed).min()) >= 0.5)
    codes = []
    for same in (cell, mixed):
        try:
            check_structure(crystal(cell=same, positions=positions, numbers=np.ones(len(positions), int)))
            codes.append("")
        except StructureError as error:
            codes.append(error.code)
    assert codes[0] == codes[1]


def test_bounds_can_be_moved():
    check_structure(crystal(cell=20 * CUBE), Guard(max_volume_per_atom=5000.0))
    with pytest.raises(ValueError, match="at most twice min_height"):
        Guard(min_distance=1.5)
    with pytest.raises(StructureError, match=r"guard.max_atoms"):
        check_structure(crystal(), Guard(max_atoms=1))


@given(st.integers(0, 10_000))
def test_the_closest_distance_is_that_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    cell = 3 * np.eye(3) + rng.uniform(-1, 1, (3, 3))
    periodic = rng.random(3) < 0.7
    positions = rng.uniform(-3, 6, (rng.integers(1, 7), 3))
    cutoff = rng.choice([0.3, 0.9, 1.7, 2.6])
    assume(heights(cell).min() > 0.9)
    shifts = np.stack(np.meshgrid(*([np.arange(-10, 11) if p else [0] for p in periodic])), axis=-1).reshape(-1, 3)
    vectors = positions[:, None, None] - positions[None, :, None] + shifts @ cell
    distances = np.linalg.norm(vectors, axis=-1)
    distances[np.eye(len(positions), dtype=bool)[:, :, None] & (shifts == 0).all(axis=-1)] = np.inf
    expected = distances.min() if distances.min() < cutoff else np.inf
    assert closest(positions, cell, periodic, cutoff) == pytest.approx(expected, abs=1e-9)


def test_a_thousand_real_crystals_pass(data_root):
    archive = data_root / "materials-project" / "structures-01.tar.gz"
    for record in islice(read(archive), 1000):
        check_structure(record.value)
