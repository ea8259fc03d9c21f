"""What may not tell the class: the structure, the file's mode, brightness, or pixels that were learnt from.

Every check raises a `LeakError`, which no figure survives.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float, Int

from comma_eval.defects.exam import Fold
from comma_eval.defects.lines import content
from comma_eval.errors import LeakError
from comma_eval.metrics import Interval

MARGIN = 0.05
"""Accuracy above the majority rate that is still taken for chance where chance can play."""
FEW = 20
"""A mode that fewer images have says nothing."""


def refuse_several_structures(samples: Sequence[Sample], hosts: Sequence[str]) -> None:
    """The images of a host come with one structure, that of the pristine crystal.

    Raises:
        LeakError: two structures in one host: a defective cell would give the class away.
    """
    first: dict[str, Sample] = {}
    for sample, host in zip(samples, hosts, strict=True):
        known = first.setdefault(host, sample)
        if content(known.fields["structure"][0]) != content(sample.fields["structure"][0]):
            raise LeakError(
                f"a leak was found: the images {known.id} and {sample.id} of the host {host} come with different "
                "structures, and a defective cell gives the class away. Remedy: put the structure of the pristine host "
                "beside every image, as `comma data build` does"
            )


def refuse_above_majority(line: str, within: float, majority: float) -> None:
    """A line that reads structures alone cannot be better within a host than its most frequent class.

    Args:
        line: its name.
        within: its accuracy within the host, mean over hosts.
        majority: share of the most frequent class of a host, mean over hosts.

    Raises:
        LeakError: it is: something beside the images tells the class.
    """
    if within > majority + 1e-9:
        raise LeakError(
            f"a leak was found: {line!r}, which sees no image, is right about {within:.3f} of the images of a "
            f"host, and always saying its most frequent class about {majority:.3f}. The structures beside the images "
            "differ by class. Remedy: put the structure of the pristine host beside every image"
        )


def refuse_telling_brightness(found: Interval, majority: float) -> None:
    """On a simulated set brightness has to say nothing.

    Raises:
        LeakError: the lower end of its interval lies above the majority rate by more than `MARGIN`.
    """
    if found.low > majority + MARGIN:
        raise LeakError(
            f"a leak was found: mean, spread, least and greatest grey level alone are right about {found.value:.3f} "
            f"({found.low:.3f} to {found.high:.3f}) of the images of a host, the most frequent class about "
            f"{majority:.3f}. Remedy: build with match_levels = true under [simulate], which is the default"
        )


def refuse_telling_mode(samples: Sequence[Sample], truth: Int[np.ndarray, " items"]) -> None:
    """The type and the shape of the pixels have to say nothing of the class.

    Raises:
        LeakError: the most frequent class of each mode is right about more than the majority rate and `MARGIN`.
    """
    modes: defaultdict[tuple[str, tuple[int, ...]], Counter[int]] = defaultdict(Counter)
    for sample, code in zip(samples, truth.tolist(), strict=True):
        pixels = sample.fields["image"][0]["pixels"]
        modes[str(pixels.dtype), pixels.shape][code] += 1
    told = [classes for classes in modes.values() if classes.total() >= FEW]
    count = sum(classes.total() for classes in told)
    if not count:
        return
    majority = max(sum(told, Counter[int]()).values()) / count
    right = sum(max(classes.values()) for classes in told) / count
    if right > majority + MARGIN:
        raise LeakError(
            f"a leak was found: the type and shape of the pixels alone are right about {right:.3f} of the images, the "
            f"most frequent class about {majority:.3f}; modes: {_listed(modes)}. Remedy: convert all images to one "
            "mode and size before the build"
        )


def refuse_shared(fold: Fold, shares: Float[np.ndarray, "test train"] | np.ndarray, names: Sequence[str]) -> None:
    """No pixel, frame or host is learnt from and asked about.

    Args:
        fold: of an exam.
        shares: whether a test item and a training item have any in common, in the fold's order.
        names: of all items.

    Raises:
        LeakError: two of them have; the message names them.
    """
    met = np.argwhere(shares)
    if len(met):
        test, train = names[fold.test[met[0, 0]]], names[fold.train[met[0, 1]]]
        raise LeakError(
            f"a leak was found: {test}, which is asked about, and {train}, which is learnt from, share pixels, a frame "
            f"or a host ({len(met)} such pairs). Remedy: build the set with a rule for micrographs.frames that keeps "
            "them together"
        )


def _listed(modes: "defaultdict[tuple[str, tuple[int, ...]], Counter[int]]") -> str:
    said = [f"{kind} {'x'.join(map(str, shape))}: {found.total()}" for (kind, shape), found in modes.items()]
    return ", ".join(said[:4]) + (", ..." if len(said) > 4 else "")
