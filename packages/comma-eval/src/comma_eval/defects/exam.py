"""One question about classes: images, what each shows, and which are learnt from when which are asked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Int

Indices = Int[np.ndarray, " _"]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Numbers of the items that a head learns from, and of those that it is then asked about."""

    train: Indices
    test: Indices


@dataclass(frozen=True, kw_only=True)
class Exam:
    """Items with one image each, in folds; an item is asked about in one fold at most."""

    labels: Mapping[str, str]
    """The question: `set`, and `host` where there is one for each."""
    samples: tuple[Sample, ...]
    """With an image, and on simulated sets the structure of the host."""
    classes: tuple[str, ...]
    """In sorted order."""
    truth: Int[np.ndarray, " items"]
    """Place of each item's class in `classes`."""
    groups: tuple[str, ...]
    """What the bootstrap draws, and what stays together while a penalty is chosen."""
    unit: str
    """What groups are: hosts, frames, pictures, parts of pictures."""
    folds: tuple[Fold, ...]
    cells: Mapping[tuple[tuple[str, str], ...], Indices]
    """More labels -> the items that are scored together."""
    facts: Mapping[str, str]
    """What has to be known to read the figures."""

    @property
    def asked(self) -> Indices:
        """Items that are in some fold's test."""
        return np.sort(np.concatenate([fold.test for fold in self.folds]))


def coded(names: list[str] | tuple[str, ...]) -> tuple[tuple[str, ...], Int[np.ndarray, " items"]]:
    """Classes in sorted order, and the place of each name among them."""
    classes, codes = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return tuple(str(name) for name in classes), codes.astype(np.int64)
