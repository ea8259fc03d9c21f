"""Which images were cut out of the same picture, and where, by pixels that they share.

Patches of a published set are often shifted crops of few frames. Every window of 8 x 8 pixels is hashed; windows that
occur in two images vote for a shift between them; a shift is believed if the pixels of the whole overlap agree. Images
that such shifts connect lie in one frame, each at a place in it. Whole windows have to agree to the bit: images that
were rescaled or stretched in grey are not found.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from comma_data.errors import ConfigError

WINDOW = 8
"""Pixels."""
FLAT = 0.008
"""A window whose standard deviation is below this part of the image's range says nothing."""
CROWD = 60
"""A window in more images than this is a texture or an empty ground."""
VOTES = 4
"""Windows that have to agree on a shift."""
AGREEMENT = 0.95
"""Share of equal pixels in an overlap."""
MOST_PIXELS = 16_000_000
"""Pixels that are compared at once."""

Shift = tuple[int, int]
"""Rows and columns by which the second image lies below and right of the first."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where an image lies."""

    frame: int
    """Number of the frame, by the order of its first image."""
    y: int
    """Rows below the highest image of the frame."""
    x: int
    """Columns right of the leftmost image of the frame."""


def place(images: Sequence[np.ndarray]) -> list[Placement]:
    """Frame and place of each image.

    Args:
        images: (height, width) each; those of different types never share a frame.

    Raises:
        ConfigError: Too many pixels to compare.
    """
    if sum(image.size for image in images) > MOST_PIXELS:
        raise ConfigError(f"frames = 'overlap' compares at most {MOST_PIXELS} pixels; set frames to another rule")
    neighbours: dict[int, list[tuple[int, Shift]]] = defaultdict(list)
    for (first, second), shift in _shifts(images).items():
        if _agree(images[first], images[second], shift):
            neighbours[first].append((second, shift))
            neighbours[second].append((first, (-shift[0], -shift[1])))
    return _placements(len(images), neighbours)


def _shifts(images: Sequence[np.ndarray]) -> dict[tuple[int, int], Shift]:
    """Pairs of images -> the shift that most of their common windows vote for."""
    hashes, owners, rows, columns = _windows(images)
    order = np.argsort(hashes, kind="stable")  # of equal windows the earlier image comes first
    hashes, owners, rows, columns = hashes[order], owners[order], rows[order], columns[order]
    starts = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])
    sizes = np.diff(np.r_[starts, len(hashes)])
    first = np.repeat(starts, sizes)
    crowd = np.repeat(sizes, sizes)
    here = np.arange(len(hashes))
    votes = []
    for before in (first, here - 1):  # a chain and a star: neither alone connects all pairs that many windows share
        kept = (crowd <= CROWD) & (first < here)
        a, b = before[kept], here[kept]
        votes.append(np.stack([owners[a], owners[b], rows[a] - rows[b], columns[a] - columns[b]], axis=1))
    return _elected(np.concatenate(votes))


def _elected(votes: np.ndarray) -> dict[tuple[int, int], Shift]:
    """Pairs -> the shift with the most votes, where it has `VOTES`."""
    votes = votes[votes[:, 0] != votes[:, 1]]
    rows, counts = np.unique(votes, axis=0, return_counts=True)
    best: dict[tuple[int, int], tuple[int, Shift]] = {}
    for (first, second, y, x), count in zip(rows.tolist(), counts.tolist(), strict=True):
        if count >= VOTES and count > best.get((first, second), (0, (0, 0)))[0]:
            best[first, second] = (count, (y, x))
    return {pair: shift for pair, (_, shift) in best.items()}


def _windows(images: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Hash, image, row and column of every window that is not flat."""
    parts = [_of_image(number, image) for number, image in enumerate(images) if min(image.shape) >= WINDOW]
    if not parts:
        empty = np.zeros(0, dtype=np.int32)
        return empty.astype(np.uint64), empty, empty, empty
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _of_image(number: int, image: np.ndarray) -> tuple[np.ndarray, ...]:
    factors = np.random.default_rng(0).integers(1, 2**63, (WINDOW, WINDOW), dtype=np.uint64) * np.uint64(2) + np.uint64(
        1
    )
    numbers = image if image.dtype.kind in "uib" else image.astype(np.float64).view(np.uint64)
    windows = sliding_window_view(numbers.astype(np.uint64), (WINDOW, WINDOW))
    hashes = np.einsum("yxij,ij->yx", windows, factors)
    spread = sliding_window_view(image.astype(np.float64), (WINDOW, WINDOW)).std(axis=(2, 3))
    rows, columns = (axis.astype(np.int32) for axis in np.nonzero(spread > FLAT * np.ptp(image.astype(np.float64))))
    return hashes[rows, columns], np.full(len(rows), number, dtype=np.int32), rows, columns


def _agree(first: np.ndarray, second: np.ndarray, shift: Shift) -> bool:
    (y, x), (height, width) = shift, first.shape
    if first.shape != second.shape or first.dtype != second.dtype or abs(y) >= height or abs(x) >= width:
        return False
    of_first = first[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    of_second = second[max(0, -y) : height + min(0, -y), max(0, -x) : width + min(0, -x)]
    return bool((of_first == of_second).mean() >= AGREEMENT)


def _placements(count: int, neighbours: Mapping[int, Sequence[tuple[int, Shift]]]) -> list[Placement]:
    """Places by walking from image to image, each frame's from its uppermost and leftmost image on."""
    placed: dict[int, Placement] = {}
    frames = 0
    for start in range(count):
        if start in placed:
            continue
        places = _walk(start, neighbours)
        top, left = (min(place[axis] for place in places.values()) for axis in (0, 1))
        for image, (y, x) in places.items():
            placed[image] = Placement(frame=frames, y=y - top, x=x - left)
        frames += 1
    return [placed[image] for image in range(count)]


def _walk(start: int, neighbours: Mapping[int, Sequence[tuple[int, Shift]]]) -> dict[int, Shift]:
    places = {start: (0, 0)}
    waiting = deque([start])
    while waiting:
        image = waiting.popleft()
        for other, (y, x) in neighbours.get(image, ()):
            if other not in places:
                places[other] = (places[image][0] + y, places[image][1] + x)
                waiting.append(other)
    return places
