"""Which picture a patch was cut out of, and where: patches of a published set are crops of few frames.

`image_frame` and the place in it are what `comma data build` found by pixels that are equal to the bit. A patch that
was turned to grey, stretched or compressed once more escapes that, so frames are also compared by normalised
cross-correlation, and those that hold the same picture are joined.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Bool, Float

from comma_eval.defects.correlation import find
from comma_eval.defects.exam import Indices

PROBES = 4
"""Patches of a frame that are looked for in other pictures."""
LARGEST = 8
"""Pictures that are searched, the largest first."""
MOST = 4096
"""Edge of a picture that is searched, pixels."""

At = tuple[int, int] | None
"""Row and column; None where they are not known."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a patch lies."""

    picture: str
    at: At
    """Of its upper left pixel, from the picture's origin; one that is not known may share pixels with all of it."""
    shape: tuple[int, int]
    """Height and width."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is known of a frame by its patches."""

    name: str
    pixels: Float[np.ndarray, "height width"]
    covered: Bool[np.ndarray, "height width"]


def places(samples: Sequence[Sample]) -> tuple[Place, ...]:
    """The place of each sample's image, those of frames that hold the same picture in one."""
    frames: defaultdict[str, list[int]] = defaultdict(list)
    told = [_told(sample) for sample in samples]
    for number, place in enumerate(told):
        frames[place.picture].append(number)
    own = [replace(p, at=(0, 0)) if p.at is None and len(frames[p.picture]) == 1 else p for p in told]
    pixels = [np.asarray(sample.fields["image"][0]["pixels"], dtype=np.float64) for sample in samples]
    moved = dict(_joined(frames, own, pixels))
    return tuple(_moved(place, *moved.get(place.picture, (place.picture, (0, 0)))) for place in own)


def shares(places: Sequence[Place], a: Indices, b: Indices) -> Bool[np.ndarray, "a b"]:
    """Whether a place of `a` and one of `b` have a pixel in common, or may have."""
    pictures = np.unique([place.picture for place in places], return_inverse=True)[1]
    boxes = np.array([_box(place) for place in places]).reshape(-1, 4)
    (top, left, bottom, right), other = boxes[a].T[:, :, None], boxes[b].T[:, None, :]
    rows = (top < other[2]) & (other[0] < bottom)
    columns = (left < other[3]) & (other[1] < right)
    return np.asarray((pictures[a][:, None] == pictures[b][None, :]) & rows & columns)


def _box(place: Place) -> tuple[float, float, float, float]:
    """Top, left, bottom, right; the whole plane where the place is not known."""
    if place.at is None:
        return (-np.inf, -np.inf, np.inf, np.inf)
    (y, x), (height, width) = place.at, place.shape
    return (float(y), float(x), float(y + height), float(x + width))


def _told(sample: Sample) -> Place:
    """As the data set tells it."""
    known = next(iter(sample.provenance.get("image", ())), {})
    height, width = sample.fields["image"][0]["pixels"].shape
    at = (int(known["frame_y"]), int(known["frame_x"])) if "frame_y" in known and "frame_x" in known else None
    return Place(picture=sample.groups.get("image_frame", sample.id), at=at, shape=(height, width))


def _moved(place: Place, picture: str, by: At) -> Place:
    """The place in another picture; not known where either is not."""
    at = None if place.at is None or by is None else (place.at[0] + by[0], place.at[1] + by[1])
    return replace(place, picture=picture, at=at)


def _joined(
    frames: Mapping[str, Sequence[int]], own: Sequence[Place], pixels: Sequence[np.ndarray]
) -> Iterator[tuple[str, tuple[str, At]]]:
    """Frame -> the picture that holds it, and how far the frame's origin lies from that picture's."""
    pictures: list[Picture] = []
    for name in sorted(frames, key=lambda name: (-_area([own[i] for i in frames[name]]), name)):
        numbers = frames[name]
        probes = [numbers[i] for i in np.unique(np.linspace(0, len(numbers) - 1, PROBES).astype(int))]
        searched = ((picture, i) for picture in pictures[:LARGEST] for i in probes)
        hits = ((p, own[i].at, at) for p, i in searched if (at := find(pixels[i], p.pixels, p.covered)) is not None)
        if (hit := next(hits, None)) is None:
            pictures += _assembled(name, [own[i] for i in numbers], [pixels[i] for i in numbers])
            continue
        picture, within, at = hit
        yield name, (picture.name, None if within is None else (at[0] - within[0], at[1] - within[1]))


def _area(of_frame: Sequence[Place]) -> int:
    """Pixels of the rectangle around a frame's patches."""
    height, width = _extent(of_frame)
    return height * width


def _extent(of_frame: Sequence[Place]) -> tuple[int, int]:
    ends = [(y + place.shape[0], x + place.shape[1]) for place in of_frame for y, x in [place.at or (0, 0)]]
    return max(y for y, _ in ends), max(x for _, x in ends)


def _assembled(name: str, of_frame: Sequence[Place], pixels: Sequence[np.ndarray]) -> list[Picture]:
    """The picture of a frame whose patches have places, if it is not too large to be searched."""
    if any(place.at is None for place in of_frame) or max(_extent(of_frame)) > MOST:
        return []
    picture = np.zeros(_extent(of_frame))
    covered = np.zeros(picture.shape, dtype=bool)
    for place, patch in zip(of_frame, pixels, strict=True):
        y, x = place.at or (0, 0)
        window = np.s_[y : y + place.shape[0], x : x + place.shape[1]]
        picture[window], covered[window] = patch, True
    return [Picture(name=name, pixels=picture, covered=covered)]
