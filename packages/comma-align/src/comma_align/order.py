"""Which samples make which step: a pure function of seed and epoch, the same for any number of processes."""

from collections.abc import Sequence

import numpy as np

Rng = np.random.Generator


def generator(*key: int) -> Rng:
    """Random numbers that depend on the key alone."""
    return np.random.default_rng(np.random.SeedSequence(key))


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Whole batches in an epoch, at least one; a tail smaller than a batch is left out of that epoch."""
    return max(1, samples // batch_size)


def batches(samples: int, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Places of the samples in each global batch of an epoch, `batch_size` each."""
    order: list[int] = generator(seed, epoch).permutation(samples).tolist()
    return [order[i * batch_size : (i + 1) * batch_size] for i in range(steps_per_epoch(samples, batch_size))]


def share(batch: Sequence[int], rank: int, world: int) -> list[int]:
    """What one process takes of a global batch: every world-th sample."""
    return list(batch[rank::world])
