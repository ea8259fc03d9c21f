"""Boxes around marked defects -> crops with a defect and, from the same frame, crops of the background.

The rule, which no result can sway: of each image up to `MOST` boxes, in the order of a hash; of each a square whose
side is the box's longer edge and a quarter, moved into the image where it reaches over the border; and a square of the
same side that meets no box of the image, at a place drawn from the hash. A box without such a place gives neither, so
that both classes are equally frequent, and equally large, in every image.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

MOST = 8
"""Boxes of an image."""
WIDER = 1.25
SMALLEST = 16
"""Pixels along the edge of a crop at least."""
TRIES = 200
"""Places for the background that are tried."""
MARKED, BACKGROUND = "marked", "background"
TARGET = "defect"
SALT = "comma-eval/defects/crops:"

Boxes = Float[np.ndarray, "boxes 4"]
"""Top, left, bottom, right edges in pixels."""
Square = tuple[int, int, int]
"""Top, left, side."""


def has_boxes(sample: Sample) -> bool:
    """Whether boxes lie beside its first image."""
    return bool(len(boxes(sample)))


def boxes(sample: Sample) -> Boxes:
    """Boxes beside the first image, none where there are none."""
    beside = next(iter(sample.annotations.get("image", ())), None) or {}
    return np.asarray(beside.get("boxes", np.zeros((0, 4))), dtype=float).reshape(-1, 4)


def crops(sample: Sample) -> Iterator[Sample]:
    """Samples with one crop each, the class in `targets`, in pairs of `marked` and `background`."""
    every = boxes(sample)
    ranked = sorted(range(len(every)), key=lambda number: _digest(sample.id, number))
    for number in ranked[:MOST]:
        marked = _around(every[number], sample.fields["image"][0]["pixels"].shape)
        rng = np.random.default_rng(int(_digest(sample.id, number)[:15], 16))
        free = None if marked is None else _free(marked[2], sample.fields["image"][0]["pixels"].shape, every, rng)
        if marked is not None and free is not None:
            yield _crop(sample, marked, f"{sample.id}-{number}", MARKED)
            yield _crop(sample, free, f"{sample.id}-{number}-background", BACKGROUND)


def _around(box: np.ndarray, shape: tuple[int, ...]) -> Square | None:
    """The square around a box, within the image; None where it does not fit in."""
    top, left, bottom, right = (float(edge) for edge in box)
    side = max(round(WIDER * max(bottom - top, right - left)), SMALLEST)
    if side > min(shape):
        return None
    start = (round((a + b - side) / 2) for a, b in ((top, bottom), (left, right)))
    y, x = (min(max(edge, 0), size - side) for edge, size in zip(start, shape, strict=True))
    return y, x, side


def _free(side: int, shape: tuple[int, ...], every: Boxes, rng: np.random.Generator) -> Square | None:
    """A square that meets no box."""
    for y, x in rng.integers(0, np.array(shape) - side + 1, size=(TRIES, 2)).tolist():
        apart = (every[:, 2] <= y) | (every[:, 0] >= y + side) | (every[:, 3] <= x) | (every[:, 1] >= x + side)
        if apart.all():
            return y, x, side
    return None


def _crop(sample: Sample, square: Square, identifier: str, kind: str) -> Sample:
    y, x, side = square
    image = sample.fields["image"][0]
    pixels = image["pixels"][y : y + side, x : x + side]
    return replace(
        sample,
        id=identifier,
        fields={"image": ({**image, "pixels": pixels},)},
        targets={TARGET: kind},
        annotations={},
        provenance={"image": ({**next(iter(sample.provenance.get("image", ())), {}), "crop": f"{y} {x} {side}"},)},
    )


def _digest(identifier: str, number: int) -> str:
    return hashlib.sha256(f"{SALT}{identifier}:{number}".encode()).hexdigest()
