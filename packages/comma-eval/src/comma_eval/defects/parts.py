"""Folds of patches that share no pixel: whole pictures where each class has several, else parts of a picture.

Where a class lies in one picture its patches are cut into parts along the longer side of the area that they take, and a
part is asked about after learning from the patches, of any class, that have no pixel in common with it: the buffered
cross-validation of spatial statistics (Le Rest et al., Global Ecology and Biogeography 23, 811 (2014); Roberts et al.,
Ecography 40, 913 (2017)). A class whose patches all overlap cannot be held out, and is left out by name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from sklearn.model_selection import GroupKFold

from comma_eval.defects.exam import Fold, Indices
from comma_eval.defects.pictures import Place, shares

FOLDS = 5
FEWEST = 5
"""Labels of a class that must be left to learn from before it is asked about."""
WIDE = 2.5
"""Patch widths that an area has to span for a part in its middle to leave something to learn from."""

Codes = Int[np.ndarray, " items"]


@dataclass(frozen=True, kw_only=True)
class Division:
    """How the items of a host are held out."""

    kept: Int[np.ndarray, " kept"]
    """Items of the classes that can be held out; all else counts these."""
    regions: tuple[str, ...]
    """The picture, or the part of a picture and class, that each lies in."""
    folds: tuple[Fold, ...]
    by: str
    """`pictures` or `parts of pictures`."""
    left_out: Mapping[int, int]
    """Class -> patches, for those that cannot be held out."""


def by_group(groups: Sequence[str], codes: Codes) -> tuple[Fold, ...]:
    """Whole groups in turn, in at most five folds of about the same size; none where there are fewer than two."""
    numbers = np.unique(np.asarray(groups), return_inverse=True)[1]
    splits = min(FOLDS, len(np.unique(numbers)))
    if splits < 2:
        return ()
    return _taught(GroupKFold(splits).split(codes, groups=numbers), codes)


def divide(places: Sequence[Place], truth: Codes) -> Division:
    """Hold out whole pictures if every class lies in several, else parts of pictures.

    Args:
        places: where each item lies.
        truth: class of each item.
    """
    kept = np.arange(len(truth))
    while True:
        division = _divided(places, truth, kept)
        sound = _sound(division, truth)
        if len(sound) == len(np.unique(truth[kept])):
            return division
        kept = kept[np.isin(truth[kept], list(sound))]


def _sound(division: Division, truth: Codes) -> set[int]:
    """Classes that are asked about in two regions or more."""
    codes = truth[division.kept]
    asked = {(int(codes[i]), division.regions[i]) for fold in division.folds for i in fold.test}
    counts = Counter(code for code, _ in asked)
    return {code for code, count in counts.items() if count > 1}


def _divided(places: Sequence[Place], truth: Codes, kept: Indices) -> Division:
    """Without what is not kept."""
    where, codes = [places[i] for i in kept.tolist()], truth[kept]
    homes = {(code, place.picture) for code, place in zip(codes.tolist(), where, strict=True)}
    several = min(Counter(code for code, _ in homes).values(), default=0) > 1
    regions, parts = ([place.picture for place in where], None) if several else _parts(where, codes)
    missing, counts = np.unique(truth[~np.isin(truth, codes)], return_counts=True)
    return Division(
        kept=kept,
        regions=tuple(regions),
        folds=by_group(regions, codes) if parts is None else _buffered(where, codes, parts),
        by="pictures" if several else "parts of pictures",
        left_out=dict(zip(missing.tolist(), counts.tolist(), strict=True)),
    )


def _parts(places: Sequence[Place], codes: Codes) -> tuple[list[str], Codes]:
    """Name of the part of each item, and its number; -1 for those between two parts, which are never asked about."""
    parts = np.zeros(len(places), dtype=np.int64)
    pictures = np.unique([place.picture for place in places], return_inverse=True)[1]
    for picture, code in sorted(set(zip(pictures.tolist(), codes.tolist(), strict=True))):
        items = np.flatnonzero((pictures == picture) & (codes == code))
        parts[items] = _cut([places[i] for i in items.tolist()], whole=picture % FOLDS)
    names = [f"{place.picture}/{code}/{part}" for place, code, part in zip(places, codes, parts, strict=True)]
    return names, parts


def _cut(places: Sequence[Place], *, whole: int) -> Codes:
    """Number of the part of each place: five along the longer side, the two ends of a narrow area, or all in one."""
    if any(place.at is None for place in places):
        return np.full(len(places), whole)
    at = np.array([place.at for place in places])
    axis = int(np.ptp(at[:, 1]) >= np.ptp(at[:, 0]))
    along = at[:, axis] - at[:, axis].min()
    span, width = int(along.max()), max(place.shape[axis] for place in places)
    if span >= WIDE * width:
        return np.minimum(along * FOLDS // (span + 1), FOLDS - 1).astype(np.int64)
    if span < width:
        return np.full(len(places), whole)
    end = (span - width) / 2
    return np.select([along <= end, along >= span - end], [0, 1], default=-1)


def _buffered(places: Sequence[Place], codes: Codes, parts: Codes) -> tuple[Fold, ...]:
    """Each part in turn, after the items that share no pixel with it."""
    if not len(places):
        return ()
    sides = []
    for part in range(FOLDS):
        test, others = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        sides.append((others[~shares(places, test, others).any(axis=0)], test))
    return _taught(sides, codes)


def _taught(sides: Iterable[tuple[np.ndarray, np.ndarray]], codes: Codes) -> tuple[Fold, ...]:
    """Folds that ask about a class only where enough of it is left to learn from."""
    folds = []
    for train, test in sides:
        left = np.bincount(codes[train], minlength=int(codes.max()) + 1)
        asked = test[left[codes[test]] >= FEWEST]
        if len(asked):
            folds.append(Fold(train=train, test=asked))
    return tuple(folds)
