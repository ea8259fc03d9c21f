"""Sequences of many lengths -> few padded blocks, so that hardly any work is spent on padding."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

OVERHEAD = 48
"""What one more block costs, in padded tokens."""

Block = tuple[int, int, int]
"""Sequences of a block, places of each, and the length of the shortest."""


def blocks(lengths: Sequence[int], overhead: int = OVERHEAD) -> list[Block]:
    """Cut sequences, sorted by length, into the blocks that cost least: all places, and `overhead` for each block.

    Args:
        lengths: of the sequences, in any order; at least 1 each.
        overhead: places that one more block is worth.

    Returns:
        Blocks from short to long; together they hold the sequences in the order of their lengths.
    """
    counts = Counter(lengths)
    sizes = sorted(counts)
    below = [0, *accumulate(counts[size] for size in sizes)]
    best: list[tuple[float, int]] = [(0, 0)]
    for end in range(1, len(sizes) + 1):
        costs = (
            (best[start][0] + overhead + (below[end] - below[start]) * sizes[end - 1], start) for start in range(end)
        )
        best.append(min(costs))
    cut, end = [], len(sizes)
    while end:
        start = best[end][1]
        cut.append((below[end] - below[start], sizes[end - 1], sizes[start]))
        end = start
    return cut[::-1]
