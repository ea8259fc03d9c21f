"""The order of samples is a function of seed and epoch alone."""

import numpy as np
from comma_align.config import HardNegatives
from comma_align.hardness import points
from comma_align.order import batches, share, steps_per_epoch
from comma_align.schedule import factor
from comma_data.sample import Sample
from hypothesis import given
from hypothesis import strategies as st

sizes = st.integers(1, 200), st.integers(1, 50), st.integers(0, 5), st.integers(0, 5)


@given(*sizes)
def test_an_epoch_visits_no_sample_twice(samples, batch_size, seed, epoch):
    visited = [i for batch in batches(samples, batch_size, seed, epoch) for i in batch]
    assert len(set(visited)) == len(visited) <= samples
    assert samples - len(visited) < batch_size or samples < batch_size


@given(*sizes, st.integers(1, 4))
def test_the_processes_together_see_the_global_batch(samples, batch_size, seed, epoch, world):
    for batch in batches(samples, batch_size, seed, epoch):
        shares = [share(batch, rank, world) for rank in range(world)]
        assert [i for part in shares for i in part] == batch
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_epochs_and_seeds_differ_and_repeat():
    assert batches(50, 10, 0, 0) == batches(50, 10, 0, 0)
    assert batches(50, 10, 0, 0) != batches(50, 10, 0, 1)
    assert batches(50, 10, 0, 0) != batches(50, 10, 1, 0)


def test_a_set_smaller_than_a_batch_is_one_step():
    assert steps_per_epoch(3, 128) == 1
    assert sorted(batches(3, 128, 0, 0)[0]) == [0, 1, 2]


@given(st.integers(1, 1000), st.floats(0, 1))
def test_the_rate_rises_and_falls_and_stays_between_zero_and_one(total, warmup):
    rates = [factor(step, total, warmup) for step in range(total)]
    assert all(0 <= rate <= 1 for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_near_points_meet_in_a_batch_and_every_sample_is_visited_once():
    rng = np.random.default_rng(0)
    centres = rng.permutation(np.repeat(np.arange(16), 8))
    points = 100.0 * np.eye(16)[centres] + 0.01 * rng.standard_normal((128, 16))
    plain, near = (batches(128, 16, 0, 0, points=p) for p in (None, points))
    together = [np.mean([len(set(centres[batch])) for batch in found]) for found in (plain, near)]
    assert sorted(i for batch in near for i in batch) == list(range(128))
    assert together[1] < 0.6 * together[0]
    assert batches(128, 16, 0, 1, points=points) != near
    assert batches(128, 16, 0, 0, points=points) == near


def test_visits_of_one_sample_are_not_near_ones():
    places, turns = np.divmod(np.arange(64 * 4), 4)
    points = np.random.default_rng(0).standard_normal((64, 3))[places]
    near, apart = (batches(256, 8, 0, 0, points=points, together=4, apart=a) for a in (None, turns))
    assert np.mean([len(set(places[batch])) for batch in near]) < 4
    assert np.mean([len(set(places[batch])) for batch in apart]) > 6
    assert sorted(i for batch in apart for i in batch) == list(range(256))


def sample(formula):
    return Sample(id="x", fields={}, groups={"formula": formula, "material": "x"})


def test_the_same_elements_lie_nearer_than_anything_else():
    formulas = ["Fe2O3", "Fe3O4", "TiO2", "Ti2O3", "?unknown"]
    of = points([sample(f) for f in formulas], HardNegatives(by="elements"))
    distance = np.linalg.norm(of[:, None] - of[None], axis=2)
    assert distance[0, 1] < 1 < distance[0, 2]
    assert distance[2, 3] < 1 < distance[2, 4]
    assert points([sample("Fe2O3")], HardNegatives()) is None
