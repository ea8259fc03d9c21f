"""Which samples make which step: a pure function of seed and epoch, the same for any number of processes."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Item = TypeVar("Item")


def generator(*key: int) -> Rng:
    """Random numbers that depend on the key alone."""
    return np.random.default_rng(np.random.SeedSequence(key))


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Whole batches in an epoch, at least one; a tail smaller than a batch is left out of that epoch."""
    return max(1, samples // batch_size)


def batches(  # noqa: PLR0913  what decides an order
    samples: int,
    batch_size: int,
    seed: int,
    epoch: int,
    *,
    points: NDArray[np.floating] | None = None,
    together: int = 8,
    apart: NDArray[np.integer] | None = None,
) -> list[list[int]]:
    """Places of the samples in each global batch of an epoch, `batch_size` each.

    Args:
        samples: how many there are.
        batch_size: how many make a step.
        seed: of the run.
        epoch: each has another order.
        points: (samples, dim); what lies near here meets in a batch. None for a plain random order.
        together: about how many near ones follow each other.
        apart: (samples,) numbers; only samples of the same one follow each other as near ones, so that visits of one
            sample, the nearest of all, do not. None for one number.
    """
    rng = generator(seed, epoch)
    order: list[int] = rng.permutation(samples).tolist() if points is None else _clustered(points, together, apart, rng)
    return [order[i * batch_size : (i + 1) * batch_size] for i in range(steps_per_epoch(samples, batch_size))]


def _clustered(points: NDArray[np.floating], together: int, apart: NDArray[np.integer] | None, rng: Rng) -> list[int]:
    """All places, near ones behind each other, the clusters in random order.

    Clusters are the leaves of a random projection tree (Dasgupta and Freund 2008, doi:10.1145/1374376.1374452): halves
    along a random direction until at most `together` are left, so that each epoch has other neighbours meet.
    """
    whole = np.arange(len(points))
    groups = [whole] if apart is None else [whole[apart == number] for number in np.unique(apart)]
    clusters = [rng.permutation(leaf) for group in groups for leaf in _leaves(group, points, together, rng)]
    return [int(i) for k in rng.permutation(len(clusters)) for i in clusters[k]]


def _leaves(
    places: NDArray[np.integer], points: NDArray[np.floating], together: int, rng: Rng
) -> list[NDArray[np.integer]]:
    if len(places) <= together:
        return [places]
    # jitter breaks ties, so that equal points are dealt out at random
    along = points[places] @ rng.standard_normal(points.shape[1]) + 1e-9 * rng.standard_normal(len(places))
    order = places[np.argsort(along, kind="stable")]
    half = len(order) // 2
    return [*_leaves(order[:half], points, together, rng), *_leaves(order[half:], points, together, rng)]


def share(batch: Sequence[Item], rank: int, world: int) -> list[Item]:
    """What one process takes of a global batch: an even stretch of it.

    The stretches behind each other are the batch, so that what is gathered from all has the order that one process has.
    """
    first, end = (len(batch) * number // world for number in (rank, rank + 1))
    return list(batch[first:end])
